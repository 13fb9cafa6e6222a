"""The command menu."""

from hypothesis import given
from hypothesis import strategies as st

from bot.menu import MENU_CAP, SKILLS_CAP, command_of, menu_of
from bot.texts import COMMANDS
from skills.permissions import NOTHING
from skills.types import Skill

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True)


def skill(name: str, *, is_user_invocable: bool = True) -> Skill:
    return Skill(
        name=name, description="d" * 300, body="", permissions=NOTHING, path=f"{name}.md",
        digest="d", code_digest="c", manifest_digest="m", is_user_invocable=is_user_invocable,
    )  # fmt: skip


@given(st.lists(NAMES, unique=True, max_size=60))
def test_the_menu_keeps_to_telegrams_rules_and_never_loses_ours(names: list[str]) -> None:
    menu = menu_of(skill(name) for name in names)
    assert menu[: len(COMMANDS)] == COMMANDS
    assert len(menu) <= min(MENU_CAP, len(COMMANDS) + SKILLS_CAP)
    assert len({name for name, _ in menu}) == len(menu)
    assert all(1 <= len(name) <= 32 and 1 <= len(what) <= 100 for name, what in menu)


def test_a_skill_never_takes_the_name_of_one_of_our_commands() -> None:
    assert menu_of([skill("stop")]) == COMMANDS


def test_a_skill_that_only_the_model_uses_has_no_command() -> None:
    assert menu_of([skill("quiet", is_user_invocable=False)]) == COMMANDS
    assert command_of("web-research") == "web_research"

"""The agent proposes skills, in real processes: habits, trials in containers, cards, decisions."""

import json
from collections.abc import AsyncIterator

import pytest

from core.db import Database
from tests.support.model_server import Answer, Body, Fault, call, say, tool_results
from tests.support.world import World

REPORT = "write the weekly sales report from table week{} and list regions by turnover"
FLIGHT = "find a cheap flight from Vienna to Lisbon in week{} with one suitcase only"
WRITES = "permissions:\n  filesystem: {write: ['reports/*']}\n"


TRY = "List the regions. You may try to write."


def skill(name: str, *, more: str = "", body: str = "List the regions.") -> str:
    return f"---\nname: {name}\ndescription: Does it every week.\n{more}---\n{body}\n"


class Script:
    """A model that writes proposals for what it is shown, and works on tasks."""

    def __init__(self) -> None:
        self.written = {
            "flight": skill("flight-search"),
            "Edit this skill": skill("sales-report", more=WRITES, body=f"{TRY} Use euros."),
            "sales": skill("sales-report", body=TRY),
        }
        self.shown: list[str] = []

    def __call__(self, body: Body) -> Answer:
        if str(body["messages"][0]["content"]).startswith("You improve an agent's skills"):
            prompt = str(body["messages"][1]["content"])
            self.shown.append(prompt)
            text = next(text for word, text in self.written.items() if word in prompt)
            return say(json.dumps({"skill": text, "reason": "You ask for it every week."}))
        told = json.dumps(body["messages"])
        if "Follow the skill flight-search" in told:
            return Fault(status=400, body='{"error": {"code": 400, "message": "no"}}')
        if "Follow the skill sales-report" not in told:
            return call("finish", result="done by hand")
        if "slowly" in told and not tool_results(body):
            return call("shell", command="sleep 4")
        if "try to write" in told and not tool_results(body):
            return call("shell", command="mkdir -p files/reports; echo x > files/reports/a.md")
        return call("finish", result="done by the skill: the regions are listed")


@pytest.fixture
async def database(world: World) -> AsyncIterator[Database]:
    made = await Database.connect(world.env["DATABASE_URL"], size=2)
    yield made
    await made.close()


@pytest.fixture
def script(world: World) -> Script:
    made = Script()
    world.model.script = made
    return made


async def habit(world: World, text: str, first: int) -> None:
    """Three tasks of one kind."""
    for week in range(3):
        world.says(f"/task {text.format(week)}")
        await world.sees(f"#{first + week} done ·")


async def killed(world: World) -> None:
    """The lane looks once a minute, and at once after a start."""
    world.serve.kill()
    world.serve.start()
    await world.serve.ready()


async def test_a_habit_becomes_a_skill_that_was_tried_first(
    world: World, script: Script, database: Database
) -> None:
    await world.start()
    await habit(world, REPORT, 1)
    await killed(world)
    card = await world.sees("Proposal 1: new skill sales-report", timeout_s=60)
    assert "You asked for it often: #3, #2, #1" in card.text
    assert "Trial with a task as you gave it: done." in card.text
    assert "done by the skill" in card.text
    assert "It may reach nothing outside its container." in card.text
    assert "week2" in script.shown[0]
    assert not (world.home / "skills" / "sales-report.md").exists()
    trial = await database.fetchrow("select state, skill, box, labels from tasks where is_quiet")
    assert trial is not None
    assert (trial["state"], trial["skill"]) == ("done", "sales-report")
    assert not (world.home / "workspace" / "reports").exists()
    world.says("/proposals")
    await world.sees("1 · new · sales-report · waits for you")
    world.telegram.person.press(card.id, "Accept")
    await world.sees("The skill sales-report is installed and active")
    world.telegram.person.press(card.id, "Accept")
    world.says("/skill sales-report week 9")
    result = await world.sees(lambda m: m.text.startswith("#4 done ·"))
    assert "done by the skill" in result.text
    world.says("/skill history sales-report")
    await world.sees("proposal 1: sales-report")
    assert sum("installed and active" in text for text in world.chat()) == 1
    kinds = await database.fetch("select kind from audit where kind like 'proposal.%' order by seq")
    assert [row["kind"].partition(".")[2] for row in kinds] == [
        "written", "offered", "accepted", "installed",
    ]  # fmt: skip


async def test_a_failed_trial_is_not_offered_and_more_rights_always_ask(
    world: World, script: Script, database: Database
) -> None:
    await world.start()
    world.says("/config skills.proposals 9")
    world.says("/config skills.self_edit wording")
    await habit(world, FLIGHT, 1)
    await habit(world, REPORT, 4)
    await killed(world)
    await world.sees("Proposal 1: new skill sales-report", timeout_s=90)
    world.says("/proposals accept 1")
    await world.sees("sales-report is installed and active")
    world.says("/skill sales-report slowly, week 10")
    working = await world.sees(lambda m: m.text.startswith("#7 working"))
    world.says("always list the amounts in euros", reply_to=working.id)
    await world.sees("#7 was told.")
    await world.sees(lambda m: m.text.startswith("#7 done ·"))
    await killed(world)
    edit = await world.sees("edit of sales-report", timeout_s=90)
    assert "It asks for more than before:\n• may write files: reports/*" in edit.text
    assert "Trial with a task as you gave it: done." in edit.text
    assert "Use euros." in edit.text
    assert "always list the amounts in euros" in script.shown[-1]
    assert not (world.home / "workspace" / "reports").exists()
    assert "euros" not in (world.home / "skills" / "sales-report.md").read_text()
    world.telegram.person.press(edit.id, "Reject")
    poor = await database.fetchval(
        "select count(*)::int from proposals where skill = 'flight-search' and state = 'poor'"
    )
    assert poor == 1
    assert not any("new skill flight-search" in text for text in world.chat())
    world.says("/proposals all")
    await world.sees("flight-search · its trial did not go well")

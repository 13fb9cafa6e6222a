"""What Telegram refuses and keeps, by table and by property."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.validation import (
    CAPTION_CAP,
    DATA_CAP,
    ENTITIES_CAP,
    ENTITY_TYPES,
    TEXT_CAP,
    ApiError,
    check_commands,
    check_entities,
    check_formatted,
    check_markup,
    check_text,
    check_unicode,
    command_entities,
    cut_paste,
    utf16_len,
)

EMOJI = "\N{SLICE OF PIZZA}"  # two UTF-16 units
texts = st.text(st.sampled_from(f"ab é\n\u200b{EMOJI}"), max_size=40)


def refusal(of: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(ApiError) as caught:
        of(*args, **options)
    assert caught.value.code == 400
    return caught.value.description.removeprefix("Bad Request: ")


def entity(offset: Any, length: Any, kind: Any = "bold", **more: Any) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length, **more}


def button(**fields: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "Go", **fields}]]}


# --- texts ---


@pytest.mark.parametrize("text", ["", "  \n\t ", None, 5, ["a"]])
def test_a_message_without_text_is_refused_and_a_caption_may_be_empty(text: object) -> None:
    assert refusal(check_text, text) == "message text is empty"
    assert check_text(text, is_caption=True) == ""


@pytest.mark.parametrize("symbol", ["x", "é", EMOJI])
def test_the_cap_counts_utf16_units_after_trimming(symbol: str) -> None:
    fits = symbol * (TEXT_CAP // utf16_len(symbol))
    assert check_text(f"  {fits}\n") == fits
    assert refusal(check_text, fits + "x") == "message is too long"
    caption = symbol * (CAPTION_CAP // utf16_len(symbol))
    assert check_text(caption, is_caption=True) == caption
    assert refusal(check_text, caption + "x", is_caption=True) == "message caption is too long"


# --- entities ---


@pytest.mark.parametrize(
    ("text", "entities", "why"),
    [
        ("abc", [entity(0, 4)], "ends after the end of the text"),
        ("abc", [entity(3, 1)], "ends after the end of the text"),
        ("abc", [entity(-1, 2)], "invalid offset or length"),
        ("abc", [entity(0, 0)], "invalid offset or length"),
        ("abc", [entity(0, -2)], "invalid offset or length"),
        ("abc", [entity("0", 2)], "invalid offset or length"),
        ("abc", [entity(0.0, 2)], "invalid offset or length"),
        ("abc", [entity(True, 2)], "invalid offset or length"),
        ("abc", [entity(None, 2)], "invalid offset or length"),
        ("abc", [entity(0, 2, "shouting")], "unsupported entity type"),
        ("abc", [entity(0, 2, None)], "unsupported entity type"),
        ("abc", [entity(0, 2, ["bold"])], "unsupported entity type"),
        ("abc", ["bold"], "unsupported entity type"),
        ("abc", {"type": "bold"}, "expected an Array"),
        ("abc", [entity(0, 2, "text_link")], "text_link without url"),
        (EMOJI, [entity(0, 1)], "inside a symbol"),
        (EMOJI, [entity(1, 1)], "inside a symbol"),
        (f"a{EMOJI}b", [entity(2, 2)], "inside a symbol"),
    ],
)
def test_entities_that_do_not_fit_are_refused(text: str, entities: object, why: str) -> None:
    said = refusal(check_entities, text, entities)
    assert said.startswith("can't parse entities: ")
    assert why in said


@pytest.mark.parametrize("kind", sorted(ENTITY_TYPES))
def test_every_known_kind_of_entity_is_kept(kind: str) -> None:
    given_ = entity(1, 2, kind, url="https://example.org/")
    assert check_entities(f"a{EMOJI}b", [given_]) == [given_]


def test_entities_beyond_a_hundred_are_dropped_silently() -> None:
    many = [entity(n, 1) for n in range(ENTITIES_CAP + 20)]
    assert check_entities("x" * 200, many) == many[:ENTITIES_CAP]


@pytest.mark.parametrize(
    ("text", "given_", "kept"),
    [
        ("  ab  ", (0, 6), (0, 2)),
        ("  ab  ", (2, 2), (0, 2)),
        ("  ab  ", (3, 3), (1, 1)),
        ("  ab  ", (0, 2), None),
        ("  ab  ", (4, 2), None),
        (f"\n{EMOJI}b ", (1, 2), (0, 2)),
    ],
)
def test_trimming_moves_entities_with_the_text(
    text: str, given_: tuple[int, int], kept: tuple[int, int] | None
) -> None:
    _, entities = check_formatted(text, [entity(*given_)])
    assert entities == ([entity(*kept)] if kept else [])


@given(texts, st.lists(st.tuples(st.integers(-2, 45), st.integers(-2, 45)), max_size=6))
def test_what_is_kept_always_fits_and_marks_the_same_words(
    text: str, spans: list[tuple[int, int]]
) -> None:
    try:
        kept, entities = check_formatted(text, [entity(*span) for span in spans])
    except ApiError:
        return  # the tables above say which and why
    raw, sent = kept.encode("utf-16-le"), text.encode("utf-16-le")
    marked = [raw[e["offset"] * 2 : (e["offset"] + e["length"]) * 2].decode("utf-16-le")
              for e in entities]  # fmt: skip
    meant = [sent[o * 2 : (o + n) * 2].decode("utf-16-le") for o, n in spans]
    assert all(marked)
    shorter = iter(meant)
    assert all(any(mark in word for word in shorter) for mark in marked)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "offset", "length", "inline_keyboard", "text", "callback_data",
                         "url", "command", "description"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.text(max_size=20), json_like)
def test_whatever_is_sent_is_either_kept_or_refused_and_never_crashes(
    text: str, sent: object
) -> None:
    checks = (
        lambda: check_formatted(text, sent), lambda: check_formatted(sent, None),
        lambda: check_markup(sent), lambda: check_markup(sent, is_edit=True),
        lambda: check_commands(sent), lambda: check_unicode(sent),
    )  # fmt: skip
    for check in checks:
        with contextlib.suppress(ApiError):
            check()


# --- buttons ---


@pytest.mark.parametrize("data", ["x" * (DATA_CAP + 1), "é" * 33, EMOJI * 17, "", 5, {}])
def test_callback_data_that_does_not_fit_is_refused(data: object) -> None:
    assert refusal(check_markup, button(callback_data=data)) == "BUTTON_DATA_INVALID"


@pytest.mark.parametrize("data", ["x", "x" * DATA_CAP, "é" * 32, EMOJI * 16])
def test_callback_data_up_to_64_bytes_is_kept(data: str) -> None:
    assert check_markup(button(callback_data=data)) == [[{"text": "Go", "callback_data": data}]]


@pytest.mark.parametrize(
    ("markup", "why"),
    [
        ("keyboard", "object expected as reply markup"),
        ({"inline_keyboard": "x"}, "object expected as reply markup"),
        ({"inline_keyboard": [{"text": "x"}]}, "object expected as reply markup"),
        ({"something": 1}, "object expected as reply markup"),
        ({"inline_keyboard": [["Go"]]}, 'field "text" must be of type String'),
        ({"inline_keyboard": [[{"callback_data": "x"}]]}, 'field "text" must be of type String'),
        (button(), "text buttons are unallowed in the inline keyboard"),
        (button(url="javascript:alert(1)"), "is invalid: Wrong HTTP URL"),
        (button(url=5), "is invalid: Wrong HTTP URL"),
    ],
)
def test_keyboards_that_are_none_are_refused(markup: object, why: str) -> None:
    assert why in refusal(check_markup, markup)


def test_other_keyboards_come_with_new_messages_only() -> None:
    for kind in ("keyboard", "remove_keyboard", "force_reply"):
        assert check_markup({kind: True}) == []
        assert refusal(check_markup, {kind: True}, is_edit=True) == "inline keyboard expected"


# --- commands ---


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ({"command": "Start", "description": "x"}, "BOT_COMMAND_INVALID"),
        ({"command": "", "description": "x"}, "BOT_COMMAND_INVALID"),
        ({"command": "a" * 33, "description": "x"}, "BOT_COMMAND_INVALID"),
        ({"command": "two words", "description": "x"}, "BOT_COMMAND_INVALID"),
        ({"command": "start", "description": " "}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"command": "start", "description": "x" * 257}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ("start", "can't parse BotCommand: expected an Object"),
    ],
)
def test_commands_that_telegram_knows_not_are_refused(command: object, why: str) -> None:
    assert refusal(check_commands, [command]) == why


def test_a_menu_is_kept_without_slashes_and_up_to_a_hundred_commands() -> None:
    menu = [{"command": f"/c{n}", "description": " does it "} for n in range(100)]
    assert check_commands(menu)[0] == {"command": "c0", "description": "does it"}
    assert refusal(check_commands, [*menu, menu[0]]) == "BOT_COMMANDS_TOO_MUCH"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("/start", 6), ("/start abc", 6), ("/run\nls", 4), ("/status@some_bot now", 16),
        ("/", 0), ("/ start", 0), ("say /start", 0), ("/etc/passwd", 0), ("//", 0), ("", 0),
    ],
)  # fmt: skip
def test_the_client_marks_a_command_at_the_beginning(text: str, length: int) -> None:
    expected = [{"type": "bot_command", "offset": 0, "length": length}] if length else []
    assert command_entities(text) == expected


# --- strings and pastes ---


@pytest.mark.parametrize("value", ["\ud800", {"a": ["x\udfff"]}, {"\udc00": 1}])
def test_half_symbols_are_refused_wherever_they_stand(value: object) -> None:
    assert refusal(check_unicode, value) == "strings must be encoded in UTF-8"
    check_unicode({"a": [EMOJI, "\ud7ff\ue000", 5, None]})


@given(st.text(st.sampled_from(f"a{EMOJI}"), max_size=60), st.integers(0, 9000))
def test_a_paste_is_cut_without_loss_and_never_inside_a_symbol(text: str, repeats: int) -> None:
    whole = text + (text[:3] or "a") * repeats
    parts = cut_paste(whole)
    assert "".join(parts) == whole
    assert all(utf16_len(part) <= TEXT_CAP for part in parts)
    assert all(utf16_len(part) >= TEXT_CAP - 1 for part in parts[:-1])
    assert not any("\ud800" <= symbol <= "\udfff" for part in parts for symbol in part)


def test_a_megabyte_of_emoji_is_cut_at_once_and_blank_pieces_are_left_out() -> None:
    assert len(cut_paste(EMOJI * 2**19)) == 2**20 // TEXT_CAP
    assert cut_paste(" " * TEXT_CAP + "end") == ["end"]

"""What the transcript says was looked at, and how names of files are understood."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.context import Said, as_chat
from coordinator.named_files import choose
from coordinator.vision import with_looks
from core.errors import UserFacing
from core.workspace import Entry


def asked(*calls: tuple[str, str]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(calls)
    ]}  # fmt: skip


def told(text: str = "Photo 3 follows.") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "c0", "content": text}


def test_pictures_follow_the_results_of_the_calls_that_asked_for_them() -> None:
    steps = [
        asked(("look", '{"photo": 3}'), ("look", '{"photo": "4"}')), told(), told(),
        asked(("delegate", "{}")), told(),
    ]  # fmt: skip
    found = with_looks(steps)
    assert [i for i, step in enumerate(found) if "look" in step] == [3]
    assert found[3] == {"look": [3, 4]}
    assert [step for step in found if "look" not in step] == steps


@pytest.mark.parametrize(
    "arguments", ["", "{", "[]", '{"photo": true}', '{"photo": -1}', '{"photo": 1e9}', "null"]
)
def test_a_broken_look_shows_nothing(arguments: str) -> None:
    steps = [asked(("look", arguments)), told()]
    assert with_looks(steps) == steps


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["photo", "x"]), x), max_leaves=5))  # fmt: skip
def test_any_arguments_are_survived(value: object) -> None:
    steps = [asked(("look", json.dumps(value))), told()]
    assert [s for s in with_looks(steps) if "look" not in s] == steps


def test_pictures_stand_after_the_words() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    seen = Said(id=2, role="owner", text="see", pictures=(image,))
    assert as_chat(seen)["content"] == [{"type": "text", "text": "see"}, image]
    before = Said(id=1, role="owner", text="[photo 1: x.jpg, 9 bytes]", files=(1,))
    assert as_chat(before)["content"] == "[photo 1: x.jpg, 9 bytes]"


def test_a_forwarded_picture_keeps_its_frame() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    said = Said(id=1, role="owner", text="buy", is_forwarded=True, pictures=(image,))
    content = as_chat(said)["content"]
    assert "a message that the owner forwarded" in content[0]["text"]
    assert content[1] == image


NOW = datetime(2026, 1, 1, tzinfo=UTC)
LISTED = [
    Entry(path=path, size=1, modified=NOW)
    for path in ("notes.md", "received/a.csv", "b/Report.pdf", "c/report.pdf", "c/x.txt")
]


@pytest.mark.parametrize(
    ("name", "path"),
    [("notes.md", "notes.md"), ("a.csv", "received/a.csv"), ("A.CSV", "received/a.csv"),
     ("files/c/x.txt", "c/x.txt"), ("c/report.pdf", "c/report.pdf")],
)  # fmt: skip
def test_a_name_means_one_file(name: str, path: str) -> None:
    assert choose(name, LISTED) == path


@pytest.mark.parametrize(("name", "said"), [("report.pdf", "may mean"), ("zzz", "no file called")])
def test_a_name_that_fits_none_or_several_is_told(name: str, said: str) -> None:
    with pytest.raises(UserFacing, match=said):
        choose(name, LISTED)

"""No planted secret is found anywhere but at the server it is for; and the search would find it."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.security.canary_places import Canary, files, found_in, processes
from bench.security.canary_suite import MISTAKES, figures, measure
from bench.security.canary_world import USES
from bot.inbox import concealer

CANARY = Canary.random("a canary")
AROUND = st.binary(max_size=20)
NAMES = {"model.api_key"}


@given(before=AROUND, after=AROUND)
def test_a_canary_is_found_inside_base64_whatever_stands_around_it(
    before: bytes, after: bytes
) -> None:
    raw = before + CANARY.value.encode() + after
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        assert found_in({"place": encoded}, [CANARY]) == ["a canary in place"]


@pytest.mark.parametrize(
    "hidden",
    [
        CANARY.value,
        CANARY.value[::-1],
        CANARY.value.encode().hex(),
        CANARY.value.encode().hex().upper(),
        quote(CANARY.value, safe=""),
        "".join(f"%{byte:02X}" for byte in CANARY.value.encode()),
        CANARY.value.replace("/", "\\/").replace("&", "&amp;"),
        CANARY.value[:20],
        CANARY.value[-20:],
    ],
    ids=range(9),  # the values are random, and every process must know the same tests
)
def test_a_canary_is_found_in_every_form(hidden: str) -> None:
    assert found_in({"a": b"", "b": f"<{hidden}>".encode()}, [CANARY]) == ["a canary in b"]


def test_a_canary_is_not_found_where_it_is_not() -> None:
    other = Canary.random("another")
    assert found_in({"place": other.value.encode()}, [CANARY]) == []


def test_the_places_hold_files_their_names_and_every_process(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / CANARY.value.replace("/", "-")).write_text("")
    (tmp_path / "file").write_text(CANARY.value)
    found = found_in(files("tmp", tmp_path), [CANARY])
    assert found == ["a canary in tmp: names", "a canary in tmp: file"]
    own = processes()[f"process {_own_pid()}: cmdline"]
    assert own == Path("/proc/self/cmdline").read_bytes()


def _own_pid() -> int:
    return int(Path("/proc/self").readlink().name)


@pytest.mark.parametrize("field", ["text", "caption"])
@pytest.mark.parametrize(
    "command",
    [
        *(text for text in MISTAKES.values()),
        "  /Secret@my_bot set NAME api.example.com {}",
        "/secret\nset NAME api.example.com {}",
        "/CONFIG model.api_key {}",
        "/config\nmodel.api_key\n{}",
    ],
)
def test_the_inbox_never_holds_a_value_however_the_command_is_written(
    command: str, field: str
) -> None:
    conceal = concealer(lambda text, name: f"sealed({len(text)},{name})", frozenset(NAMES))
    told = {field: command.format(CANARY.value), "entities": [], "caption_entities": []}
    for message in (told, {"text": "as I said", "reply_to_message": told}):
        kept = conceal(json.dumps({"update_id": 1, "message": message}))
        assert found_in({"inbox": kept.encode()}, [CANARY]) == []
        assert "sealed(" in kept


@pytest.mark.parametrize(
    "text", ["hello", "/secretary {}", "/config model.name {}", "what does /secret do?"]
)
def test_the_inbox_keeps_other_texts_as_they_are(text: str) -> None:
    conceal = concealer(lambda text, name: "sealed", frozenset(NAMES))
    payload = json.dumps({"update_id": 1, "message": {"text": text, "entities": []}})
    assert json.loads(conceal(payload)) == json.loads(payload)


@pytest.mark.usefixtures("executor_image")
async def test_no_secret_is_found_anywhere_after_use_mistakes_and_a_crash() -> None:
    counted = await measure()
    assert counted.found == []
    assert counted.wrong == []
    assert counted.planted == len(USES) + len(MISTAKES)
    assert counted.searched > 100
    assert figures(counted)["canaries_found"][0] == 0

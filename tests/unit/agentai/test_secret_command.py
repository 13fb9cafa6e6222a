"""The command line of `agentai secret`; what it does in Postgres is tested with the vault."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentai.secret_command import Given, host_of, main, parse, read_value
from core.errors import UserFacing

VALUE = "hunter2-hunter2"
SET = ["set", "GITHUB_TOKEN", "--host", "api.github.com"]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """What standard input delivers."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw, encoding="utf-8"))
    return raw


def put(raw: io.BytesIO, content: bytes) -> None:
    raw.write(content)
    raw.seek(0)


def test_set_knows_its_defaults() -> None:
    given_ = parse(SET)
    assert (given_.name, given_.host) == ("GITHUB_TOKEN", "api.github.com")
    assert (given_.header, given_.format) == ("authorization", "{}")


def test_only_the_secret_of_a_trigger_needs_no_host() -> None:
    assert host_of(parse(["set", "HOOK_DEPLOY"])) == "hooks.invalid"
    assert host_of(parse(["set", "MAIL_BOSS"])) == "hooks.invalid"
    assert host_of(parse(["set", "HOOK_DEPLOY", "--host", "a.example"])) == "a.example"
    with pytest.raises(UserFacing, match="Where may this secret be sent") as caught:
        host_of(parse(["set", "GITHUB_TOKEN"]))
    assert "--host" in caught.value.hint


def test_all_forms_are_understood() -> None:
    given_ = parse([*SET, "--header", "x-api-key", "--format", "Bearer {}"])
    assert (given_.header, given_.format) == ("x-api-key", "Bearer {}")
    assert parse(["list"]).action == "list"
    assert parse(["delete", "A"]).name == "A"
    assert parse(["rotate"]).old_key_file is None
    assert parse(["rotate", "--old-key-file", "f"]).old_key_file == Path("f")


@pytest.mark.parametrize(
    "arguments",
    [
        [*SET, VALUE],
        ["set", "GITHUB_TOKEN", VALUE],
        [*SET, "--value", VALUE],
        [*SET, f"--value={VALUE}"],
        [VALUE],
        ["list", VALUE],
        ["rotate", VALUE],
    ],
)
def test_a_value_on_the_command_line_is_refused_and_not_repeated(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserFacing) as caught:
        main(arguments)
    shown = capsys.readouterr()
    assert VALUE not in caught.value.sentence() + shown.out + shown.err


@given(st.lists(st.text(max_size=8), max_size=5))
def test_any_arguments_are_understood_or_refused(arguments: list[str]) -> None:
    try:
        assert parse(arguments).action in {"set", "list", "delete", "rotate"}
    except UserFacing as error:
        assert "agentai secret --help" in error.hint  # noqa: PT017 - both ends are right


@pytest.mark.parametrize(
    "arguments",
    [
        ["set", VALUE, "--host", "api.github.com"],
        ["set", "GITHUB_TOKEN", "--host", VALUE],
        [*SET, "--header", f"{VALUE}:"],
        [*SET, "--format", VALUE],
    ],
)
def test_set_complains_before_it_reads_the_value(arguments: list[str], piped: io.BytesIO) -> None:
    put(piped, b"unread")
    with pytest.raises(UserFacing) as caught:
        main(arguments)
    assert VALUE not in caught.value.sentence()
    assert piped.read() == b"unread"


@pytest.mark.parametrize("content", [b"hunter2", b"hunter2\n", b"hunter2\r\n"])
def test_the_value_comes_from_standard_input(content: bytes, piped: io.BytesIO) -> None:
    put(piped, content)
    assert read_value("A") == "hunter2"


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"hunter2\nhunter3\n", b"hunter2\xff", b"x" * 9000]
)
def test_a_bad_value_is_refused_and_not_repeated(content: bytes, piped: io.BytesIO) -> None:
    put(piped, content)
    with pytest.raises(UserFacing) as caught:
        read_value("A")
    assert "hunter" not in caught.value.sentence()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_parsed_arguments_do_not_show_the_value() -> None:
    given_ = Given(action="set", value=VALUE)
    assert VALUE not in f"{given_} {given_!r}"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["set", "-h"]])
def test_help_is_the_list_of_forms(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    assert "agentai secret rotate --old-key-file FILE" in capsys.readouterr().out

"""Every class of vulnerability published in this field has two negative tests or more."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "regressions"
CLASSES = {
    "a verdict or an owner's flag that the client supplies": "verdicts",
    "identity by a name that anybody may choose": "names",
    "what runs is not what was approved": "toctou",
    "an approval by another user, twice, too late, after a restart": "approvals",
    "a time-out that falls open": "fail_closed",
    "path traversal, symlinks, hard links": "paths",
    "environment variables that steer execution": "environment",
    "commands that wrap commands": "shell_wrappers",
    "request forgery and rebinding": "ssrf",
    "webhook forgery and replay": "webhook",
    "a secret in logs or exports": "secret_leaks",
    "archive bombs and bodies without a bound": "bombs",
    "a sub-task or a schedule that inherits authority": "inheritance",
    "text of others that becomes the owner's words": "lent_words",
    "something revoked that lives again": "revoked",
    "a control surface without authentication": "control_surface",
    "an install path that skips the policy": "policy_bypass",
}


def sentences_in(path: Path) -> list[str]:
    """Names of the test functions in a file."""
    return [
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]


@pytest.mark.parametrize("name", CLASSES.values(), ids=CLASSES.keys())
def test_a_class_has_two_tests_or_more_whose_names_are_sentences(name: str) -> None:
    found = sentences_in(FOLDER / f"test_{name}.py")
    assert len(found) >= 2
    assert all(test.count("_") >= 5 for test in found)


def test_no_file_of_regressions_is_outside_the_table() -> None:
    files = {path.stem.removeprefix("test_") for path in FOLDER.glob("test_*.py")}
    assert files == set(CLASSES.values())

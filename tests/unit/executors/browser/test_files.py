"""Names that pages suggest, and tables as files."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.browser.files import address, as_csv, as_json, free_path, in_workspace, safe_name
from executors.worker.tools import BadCall


@pytest.mark.parametrize(
    ("suggested", "name"),
    [
        ("report.csv", "report.csv"), ("../../etc/passwd", "passwd"), ("a\\b\\c.txt", "c.txt"),
        (".bashrc", "bashrc"), ("", "download"), ("...", "download"),
        ("a\x00b\u202ec.txt", "a_b_c.txt"),
    ],
    ids=range(7),
)  # fmt: skip
def test_a_name_leads_nowhere_and_hides_nothing(suggested: str, name: str) -> None:
    assert safe_name(suggested) == name


@given(st.text())
def test_any_name_becomes_a_plain_one(suggested: str) -> None:
    name = safe_name(suggested)
    assert name == Path(name).name
    assert not name.startswith(".")
    assert len(name.encode("utf-8", "replace")) <= 120


def test_a_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "a-2.txt").symlink_to("nowhere")
    assert free_path(tmp_path, "a.txt").name == "a-3.txt"


def test_only_files_of_the_workspace_are_handed_over(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "x").touch()
    for name in ("../x", "/etc/passwd", "missing"):
        with pytest.raises(BadCall):
            in_workspace(tmp_path / "work", name)


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs"))), min_size=2, max_size=2)
    )
)
def test_a_table_survives_as_csv(rows: list[list[str]]) -> None:
    assert list(csv.reader(io.StringIO(as_csv(rows), newline=""))) == rows


def test_columns_of_the_same_name_are_kept_apart() -> None:
    assert json.loads(as_json([["a", "a", ""], ["1", "2", "3"]])) == [
        {"a": "1", "a 2": "2", "column 3": "3"}
    ]
    assert as_json([]) == "[]"


@pytest.mark.parametrize(
    ("text", "url"),
    [("example.com/x", "https://example.com/x"), (" HTTP://a.b ", "HTTP://a.b"), ("a.b:8443", "https://a.b:8443")],
    ids=range(3),
)  # fmt: skip
def test_addresses_may_lack_their_scheme(text: str, url: str) -> None:
    assert address(text) == url

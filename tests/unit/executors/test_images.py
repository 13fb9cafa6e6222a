from __future__ import annotations

import re
import tarfile
from typing import TYPE_CHECKING

import pytest

from core.errors import UserFacing
from executors import images
from executors.boxes import SPECS, BoxSpec
from executors.debian_base import base_tag

if TYPE_CHECKING:
    from pathlib import Path

EXECUTOR = SPECS["executor"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project."""
    for name in (EXECUTOR.variable, images.BASE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    worker = tmp_path / "executors" / "worker"
    worker.mkdir(parents=True)
    (tmp_path / "core").mkdir()
    for name in ("__init__.py", "confusables.py", "hygiene.py"):
        (tmp_path / "core" / name).write_text(name)
    for path in (tmp_path / "Dockerfile", tmp_path / "executors" / "__init__.py", worker / "a.py"):
        path.write_text(path.name)
    return tmp_path


def test_the_same_files_have_the_same_name(root: Path) -> None:
    assert images.executor_image_tag(root) == images.executor_image_tag(root)
    assert images.executor_image_tag(root).startswith("agentai-executor:")


@pytest.mark.parametrize(
    "name", ["Dockerfile", "executors/__init__.py", "executors/worker/a.py", "core/hygiene.py"]
)
def test_a_changed_file_changes_the_name(root: Path, name: str) -> None:
    before = images.executor_image_tag(root)
    (root / name).write_text("changed")
    assert images.executor_image_tag(root) != before


def test_a_renamed_or_added_file_changes_the_name(root: Path) -> None:
    before = images.executor_image_tag(root)
    worker = root / "executors" / "worker"
    (worker / "a.py").rename(worker / "b.py")
    renamed = images.executor_image_tag(root)
    (worker / "c.py").touch()
    assert len({before, renamed, images.executor_image_tag(root)}) == 3


def test_compiled_files_and_other_code_do_not_change_the_name(root: Path) -> None:
    before = images.executor_image_tag(root)
    cache = root / "executors" / "worker" / "__pycache__"
    cache.mkdir()
    (cache / "a.pyc").write_bytes(b"x")
    (root / "executors" / "host.py").write_text("x")
    assert images.executor_image_tag(root) == before


def test_another_base_is_another_image(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = images.executor_image_tag(root)
    monkeypatch.setenv(images.BASE_VARIABLE, "python:3.13-slim")
    assert images.executor_image_tag(root) != before


def test_an_image_named_by_the_operator_is_taken(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EXECUTOR.variable, "registry.example/executor:7")
    assert images.executor_image_tag(root) == "registry.example/executor:7"


def test_what_the_engine_gets_is_the_same_bytes_each_time(root: Path) -> None:
    first = images._context(root, EXECUTOR).getvalue()
    (root / "Dockerfile").touch()
    assert images._context(root, EXECUTOR).getvalue() == first
    with tarfile.open(fileobj=images._context(root, EXECUTOR)) as tar:
        assert tar.getnames() == [
            "Dockerfile", "executors/__init__.py", "core/__init__.py", "core/confusables.py",
            "core/hygiene.py", "executors/worker/a.py",
        ]  # fmt: skip


def test_progress_is_short_and_an_error_ends_the_build() -> None:
    said: list[str] = []
    images._report({"stream": "Step 3/12 : RUN a very long line\n more"}, said.append)
    images._report({"stream": " ---> 0123456789ab\n"}, said.append)
    images._report({"status": "Pulling"}, said.append)
    assert said == ["image: step 3/12 RUN"]
    with pytest.raises(UserFacing, match="no space left"):
        images._report({"error": "write: no space left on device"}, said.append)


def test_the_base_is_named_by_its_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    before = base_tag()
    assert base_tag() == before
    monkeypatch.setattr("executors.debian_base.PACKAGES", ("python3",))
    assert base_tag() != before


STAGES = """ARG BASE
# first
FROM ${BASE} AS executor
RUN one

# second
FROM executor AS reader
RUN two

FROM executor AS browser
RUN three
"""


@pytest.mark.parametrize(
    ("target", "parts"),
    [("executor", ["one"]), ("reader", ["one", "two"]), ("browser", ["one", "three"])],
)
def test_a_box_depends_on_its_stage_and_those_below(target: str, parts: list[str]) -> None:
    text = images.stages(STAGES, target)
    assert text.startswith("ARG BASE\n")
    assert re.findall(r"RUN (\w+)", text) == parts
    assert re.findall(r"AS (\w+)", text)[-1] == target


def test_a_file_without_the_stage_counts_as_a_whole() -> None:
    assert images.stages(STAGES, "service") == STAGES


def test_another_boxs_stage_or_package_leaves_the_name_as_it_is(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "Dockerfile").write_text(STAGES)
    before = images.image_tag(root, "executor")
    (root / "Dockerfile").write_text(STAGES.replace("three", "four"))
    assert images.image_tag(root, "executor") == before
    spec = BoxSpec(name="browser", packages=("chromium",))
    monkeypatch.setitem(SPECS, "browser", BoxSpec(name="browser"))
    plain = images.image_tag(root, "browser")
    monkeypatch.setitem(SPECS, "browser", spec)
    assert images.image_tag(root, "browser") != plain
    assert plain.startswith("agentai-browser:")
    assert images.image_tag(root, "executor") == before


def test_what_was_fetched_goes_along_in_a_folder_of_its_own(root: Path, tmp_path: Path) -> None:
    extras = tmp_path / "fetched"
    (extras / "wheels").mkdir(parents=True)
    (extras / "wheels" / "a.whl").write_bytes(b"x")
    with tarfile.open(fileobj=images._context(root, EXECUTOR, extras)) as tar:
        assert "extras/wheels/a.whl" in tar.getnames()


def test_every_box_has_its_own_variable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTAI_READER_IMAGE", "registry.example/reader:7")
    assert images.image_tag(root, "reader") == "registry.example/reader:7"
    assert images.image_tag(root, "executor") != "registry.example/reader:7"


def test_a_base_with_more_packages_is_another_base() -> None:
    assert base_tag(("chromium",)) != base_tag()

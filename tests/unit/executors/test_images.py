from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from core.errors import UserFacing
from executors import images
from executors.debian_base import base_tag

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project."""
    for name in (images.IMAGE_VARIABLE, images.BASE_VARIABLE):
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
    monkeypatch.setenv(images.IMAGE_VARIABLE, "registry.example/executor:7")
    assert images.executor_image_tag(root) == "registry.example/executor:7"


def test_what_the_engine_gets_is_the_same_bytes_each_time(root: Path) -> None:
    first = images._context(root).getvalue()
    (root / "Dockerfile").touch()
    assert images._context(root).getvalue() == first
    with tarfile.open(fileobj=images._context(root)) as tar:
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

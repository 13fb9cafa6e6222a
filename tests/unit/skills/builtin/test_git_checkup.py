"""A repository's state, found by reading only."""

import os
import subprocess
from pathlib import Path

from tests.unit.skills.builtin.script import run

OLD = "2020-01-01T00:00:00Z"


def git(folder: Path, *arguments: str, at: str | None = None) -> None:
    dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at} if at else {}
    names = ("-c", "user.name=Eva", "-c", "user.email=eva@example.com")
    subprocess.run(
        ["git", "-C", folder, *names, *arguments], check=True, env={**os.environ, **dates}
    )


def repository(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "README.md").write_text("# Lamp\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Begin", at=OLD)
    git(folder, "branch", "forgotten")
    (folder / "lamp.py").write_text('API_KEY = "abcdefabcdefabcdef"\n# TODO: dim\n')
    (folder / "film.bin").write_bytes(b"\0" * (6 * 1024 * 1024))
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Light it")
    (folder / "new.txt").write_text("x")
    return folder


def test_what_needs_the_owner_is_found(tmp_path: Path) -> None:
    repository(tmp_path / "repo")
    out = run("git-checkup/checkup.py", "repo", cwd=tmp_path)
    assert "3 files; newest commit:" in out
    assert "TODOs: 1" in out
    assert "- Eva: 1 commits" in out
    assert "\u201cLight it\u201d" in out
    assert "## Look like keys\n\n- lamp.py:1\n" in out
    assert "abcdef" not in out
    assert "?? new.txt" in out
    assert "- forgotten" in out
    assert "- main" not in out
    assert "- a licence" in out
    assert "- a README" not in out
    assert "- film.bin: 6.0 MB" in out


def test_an_empty_repository_and_no_repository_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "-q")
    assert "newest commit: none" in run("git-checkup/checkup.py", "empty", cwd=tmp_path)
    (tmp_path / "plain").mkdir()
    assert "no git repository" in run("git-checkup/checkup.py", "plain", cwd=tmp_path, code=1)


def test_the_repositorys_own_settings_run_nothing(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repo")
    with (folder / ".git" / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = "touch {tmp_path}/ran"\n')
    run("git-checkup/checkup.py", "repo", cwd=tmp_path)
    assert not (tmp_path / "ran").exists()

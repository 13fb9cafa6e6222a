"""Checks a git repository without changing it: checkup.py FOLDER [--days N]."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

LARGE = 5 * 1024 * 1024
STALE_DAYS = 90
READ_CAP = 512 * 1024
SHOWN = 15
_KEY = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30}|sk-[A-Za-z0-9_-]{20}|xox[abprs]-[\w-]{10}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY|(?i:(?:secret|password|token|api_?key)\s{0,3}[:=]\s{0,3}"
    r"[\"'][^\"'\s]{12,100}[\"'])"
)
_TODO = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
_BASICS = {
    "a README": re.compile(r"(?i)readme(\.\w+)?"),
    "a licence": re.compile(r"(?i)(licen[sc]e|copying)(\.\w+)?"),
    "tests": re.compile(r"(?i)(.*/)?(tests?|spec)/.*|(.*/)?test_\w+\.py|.*[._]test\.\w+"),
    "continuous integration": re.compile(r"\.github/workflows/.*|\.gitlab-ci\.yml|\.ci/.*"),
    "a list of ignored files": re.compile(r"\.gitignore"),
}


class Repository:
    """One repository; every command of git that it runs only reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str) -> str:
        """Output of git, or nothing if it refuses."""
        safe = (
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "diff.external=",
        )
        done = subprocess.run(  # noqa: S603 - a list, no shell
            ["git", "-C", str(self.folder), *safe, "--no-pager", *arguments],  # noqa: S607
            capture_output=True, check=False, timeout=120,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
        )  # fmt: skip
        return done.stdout.decode(errors="replace") if done.returncode == 0 else ""

    def files(self) -> list[str]:
        """Everything that git tracks."""
        return [name for name in self.git("ls-files", "-z").split("\0") if name]


def recent(repository: Repository, since: datetime) -> list[str]:
    """Who did how much, and the newest subjects."""
    log = repository.git("log", f"--since={since.isoformat()}", "--format=%an%x09%s")
    rows = [line.partition("\t") for line in log.splitlines()]
    people = Counter(name for name, _, _ in rows)
    lines = [f"- {name}: {count} commits" for name, count in people.most_common(SHOWN)]
    return [*lines, *(f"- \u201c{subject}\u201d" for _, _, subject in rows[:5])]


def stale(repository: Repository, now: datetime) -> list[str]:
    """Branches whose last commit is long ago."""
    form = "%(refname:short)%09%(committerdate:unix)"
    listed = repository.git("for-each-ref", f"--format={form}", "refs/heads", "refs/remotes")
    border = (now - timedelta(days=STALE_DAYS)).timestamp()
    rows = [line.partition("\t") for line in listed.splitlines()]
    return [f"- {name}" for name, _, at in rows if at.isdigit() and int(at) < border]


def uncommitted(repository: Repository) -> list[str]:
    """Changes and new files that no commit holds, and stashes."""
    status = repository.git("status", "--porcelain").splitlines()
    stashes = repository.git("stash", "list").splitlines()
    lines = [f"- {line.strip()}" for line in status[:SHOWN]]
    return lines + ([f"- {len(stashes)} stashes"] if stashes else [])


def missing(files: list[str]) -> list[str]:
    """Basics that a repository usually has."""
    return [
        f"- {what}" for what, form in _BASICS.items() if not any(form.fullmatch(f) for f in files)
    ]


def large(repository: Repository, files: list[str]) -> list[str]:
    """Tracked files of more than 5 MB."""
    sizes = {}
    for name in files:
        path = repository.folder / name
        if path.is_file() and not path.is_symlink():
            sizes[name] = path.stat().st_size
    found = sorted((size, name) for name, size in sizes.items() if size > LARGE)
    return [f"- {name}: {size / 1024 / 1024:.1f} MB" for size, name in reversed(found)]


def lines_of(repository: Repository, files: list[str]) -> tuple[list[str], int]:
    """Places that look like keys (never the keys), and how many TODOs there are."""
    keys, todos = [], 0
    for name in files:
        path = repository.folder / name
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            raw = file.read(READ_CAP)
        if b"\0" in raw:
            continue
        for number, line in enumerate(raw.decode(errors="replace").splitlines(), 1):
            todos += bool(_TODO.search(line))
            if _KEY.search(line[:2000]):
                keys.append(f"- {name}:{number}")
    return keys, todos


def report(repository: Repository, now: datetime, days: int) -> str:
    """The whole check-up as Markdown."""
    files = repository.files()
    keys, todos = lines_of(repository, files)
    head = repository.git("log", "-1", "--format=%h %ad %s", "--date=short").strip()
    parts = {
        f"Last {days} days": recent(repository, now - timedelta(days=days)),
        "Look like keys": keys[:SHOWN],
        "Not committed": uncommitted(repository),
        f"Branches without a commit for {STALE_DAYS} days": stale(repository, now),
        "Missing": missing(files),
        "Large files": large(repository, files)[:SHOWN],
    }
    text = f"# Check-up\n\n{len(files)} files; newest commit: {head or 'none'}; TODOs: {todos}\n"
    for title, lines in parts.items():
        text += f"\n## {title}\n\n" + "\n".join(lines or ["- none"]) + "\n"
    return text


def main() -> int:
    """Prints the check-up; 1 if the folder is no repository."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    repository = Repository(options.folder)
    if not repository.git("rev-parse", "--git-dir"):
        sys.stderr.write(f"{options.folder} is no git repository\n")
        return 1
    sys.stdout.write(report(repository, datetime.now(UTC), options.days))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs a script of a shipped skill as its container does: a plain Python, nothing installed."""

import subprocess
import sys
from pathlib import Path

BUILTIN = Path(__file__).resolve().parents[4] / "skills" / "builtin"


def run(name: str, *arguments: object, cwd: Path, code: int = 0) -> str:
    """Standard output of `skill/script.py`; -I and -S leave out all that is installed."""
    skill, script = name.split("/")
    path = BUILTIN / skill / "scripts" / script
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", path, *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 or done.stdout else done.stderr

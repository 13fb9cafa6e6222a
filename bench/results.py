"""Result files and the page made from them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
SECURITY = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- figures: written by make security -->\n", "<!-- end of figures -->"

HEAD = """# Benchmarks

Made by `make bench`, `make chaos`, `make security` and `make eval` from the files in
`bench/results/`; do not edit by hand. Machines are noisy: ratios are taken within one run,
against a bare python-telegram-bot + openai loop that answers each message with one model call.
The model is a stand-in that answers at once, or after 300 ms where the name says so.
"""


def save(name: str, figures: dict[str, tuple[float | int | None, str, str]]) -> None:
    """Writes the figures (value, unit, what it means) of one suite, and the page anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    body = {
        "name": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "machine": machine(),
        "figures": {
            key: {"value": value, "unit": unit, "meaning": meaning}
            for key, (value, unit, meaning) in figures.items()
        },
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    write_page()


def machine() -> str:
    """The machine in a few words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Python {platform.python_version()}"
    )


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def write_page() -> None:
    """docs/benchmarks.md from all result files."""
    parts = [HEAD]
    for path in sorted(FOLDER.glob("*.json")):
        body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        parts.append(f"\n## {body['name']}\n")
        parts.append(f"{body['date']}, commit {body['commit']}, {body['machine']}.\n")
        parts.append("| figure | value | unit | meaning |\n|---|---|---|---|")
        for key, figure in body["figures"].items():
            value = "not measured" if figure["value"] is None else figure["value"]
            parts.append(f"| `{key}` | {value} | {figure['unit']} | {figure['meaning']} |")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")
    write_security(read_all())


def read_all() -> list[dict[str, Any]]:
    """All result files, by name."""
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted(FOLDER.glob("*.json"))]


def write_security(bodies: list[dict[str, Any]]) -> None:
    """The table of docs/security.md from the results of its suites."""
    text = SECURITY.read_text(encoding="utf-8")
    rows = [
        f"| {figure['meaning']} | {figure['value']} {figure['unit']} | `{key}` |"
        for body in bodies
        if body["name"].startswith("security-")
        for key, figure in body["figures"].items()
    ]
    table = "\n".join(["| what | seen | figure |", "|---|---|---|", *rows])
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    SECURITY.write_text(f"{head}{BEGIN}{table}\n{END}{tail}", encoding="utf-8")

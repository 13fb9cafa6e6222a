"""Skills: whether public ones load, what a malicious one reaches, and what many of them cost.

`AGENTAI_SHARED` names a folder with `skills-corpus` in it; without one those two figures are not
measured.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.skill_escapes import API, OTHER, attempt_all
from skills.index import prompt_index, search
from skills.library import Library
from skills.permissions import NOTHING
from skills.risks import risks_of
from tests.support.services import RunningPostgres, RunningValkey
from tests.support.web import EchoWeb
from tests.support.world import a_world

if TYPE_CHECKING:
    from skills.types import Problem, Skill

Figures = dict[str, tuple[float | int | None, str, str]]
MANY = 500
ROUNDS = 20
NO_CORPUS = "not measured: AGENTAI_SHARED names no folder with skills-corpus"
TEXT = """---
name: {name}
description: {what} for {topic} number {number}. Use it when the owner speaks of {topic}.
permissions:
  filesystem:
    read: ["*.txt"]
---

Do it.
"""
TOPICS = ("invoices", "gardens", "travel", "recipes", "servers", "letters", "music", "taxes")


def corpus() -> Figures:
    """Every public skill is read; a crash is anything but a skill or a problem in words."""
    folder = Path(os.environ.get("AGENTAI_SHARED", "/nowhere")) / "skills-corpus"
    if not folder.is_dir():
        nothing: tuple[None, str, str] = (None, "skills", NO_CORPUS)
        return {"skills_loaded": nothing, "skills_crashed": nothing}
    loaded = crashed = 0
    problems: list[Problem] = []
    for root in _roots(folder):
        try:
            state = Library(None, root).load()
        except Exception as error:  # noqa: BLE001 - counting these is what the figure is for
            print(f"crashed: {root.name}: {error}")
            crashed += 1
            continue
        loaded += len(state.skills)
        problems += state.problems
    for problem in problems:
        print(f"does not load: {problem.sentence()}")
    unclear = sum(not (p.file and p.wrong and p.mend) for p in problems)
    return {
        "skills_refused": (len(problems), "problems", "in public skills, each told with a reason"),
        **hostile(folder / "hostile"),
        "skills_loaded": (loaded, "skills", "public skills that load as they are"),
        "skills_crashed": (
            crashed + unclear, "skills", "public skills that crash, or fail without a reason"
        ),
    }  # fmt: skip


def hostile(folder: Path) -> Figures:
    """Skills that were made to do harm: what a card says of them, and what they are given."""
    skills = [s for root in _roots(folder) for s in Library(None, root).load().skills.values()]
    given = sum(skill.permissions != NOTHING for skill in skills)
    warned = sum(bool(skill.folder and risks_of(skill.folder.parent, skill)) for skill in skills)
    return {
        "hostile_loaded": (len(skills), "skills", "made to do harm, and read"),
        "hostile_given": (given, "skills", "of them that get anything by themselves"),
        "hostile_warned": (warned, "skills", "of them whose card says what is odd"),
    }


def _roots(folder: Path) -> list[Path]:
    """Folders of skills, each read by itself so that equal names do not hide each other."""
    return sorted({file.parent.parent for file in folder.rglob("SKILL.md")}) or [folder]


def many(folder: Path) -> Figures:
    """Five hundred skills: reading, finding, and what the prompt says of them."""
    for number in range(MANY):
        topic = TOPICS[number % len(TOPICS)]
        text = TEXT.format(name=f"skill-{number}", what="Helps", topic=topic, number=number)
        (folder / f"skill-{number}.md").write_text(text, encoding="utf-8")
    library = Library(None, folder)
    skills = tuple(library.load().skills.values())
    index_s, size = _indexed(skills)
    return {
        "reload_ms": (
            _reload_ms(library, folder),
            "ms",
            f"one of {MANY} skills edited, until read",
        ),
        "index_500_ms": (round(index_s * 1000, 1), "ms", "search and prompt index of 500 skills"),
        "index_500_prompt_bytes": (
            size,
            "bytes",
            "what 500 skills add to the coordinator's prompt",
        ),
    }


def _indexed(skills: tuple[Skill, ...]) -> tuple[float, int]:
    taken, text = [], ""
    for _ in range(ROUNDS):
        began = time.perf_counter()
        search(skills, "taxes and letters")
        text = prompt_index(skills, 600, query="taxes and letters")
        taken.append(time.perf_counter() - began)
    return sorted(taken)[ROUNDS // 2], len(text.encode())


def _reload_ms(library: Library, folder: Path) -> float:
    taken = []
    for number in range(ROUNDS):
        file = folder / f"skill-{number}.md"
        file.write_text(file.read_text(encoding="utf-8") + "More.\n", encoding="utf-8")
        began = time.perf_counter()
        if library.changed():
            library.load()
        taken.append(time.perf_counter() - began)
    return round(sorted(taken)[ROUNDS // 2] * 1000, 1)


async def escapes(home: Path) -> Figures:
    """What got out of a manifest, in a real container."""
    servers = [Path(tempfile.mkdtemp(prefix="agentai-bench-")) for _ in range(2)]
    postgres, valkey = RunningPostgres(servers[0]), RunningValkey(servers[1])
    web = EchoWeb(home / "web", API, OTHER)
    await web.start()
    try:
        async with a_world(home, postgres.fresh_database(), valkey.url, has_model=False) as world:
            world.env |= web.environment()
            found = await attempt_all(world, web)
    finally:
        await web.stop()
        valkey.close()
        postgres.close()
        for folder in servers:
            shutil.rmtree(folder)
    wrong = sum(f.has_escaped or not f.is_audited for f in found)
    meaning = f"of {len(found)} attempts to exceed a manifest: reached something, or left no trace"
    return {"manifest_escapes": (wrong, "attempts", meaning)}


def figures() -> Figures:
    """All figures; the escapes need the container engine."""
    with tempfile.TemporaryDirectory(prefix="agentai-skills-") as folder:
        crowd, home = Path(folder) / "many", Path(folder) / "world"
        crowd.mkdir()
        home.mkdir()
        return {**corpus(), **many(crowd), **asyncio.run(escapes(home))}


if __name__ == "__main__":
    from bench.results import save

    save("skills", figures())

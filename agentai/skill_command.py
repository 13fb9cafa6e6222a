"""`agentai skill`: for authors of skills. Nothing of a skill is ever run on this machine itself.

agentai skill lint PATH…    read skills and say what is wrong, with line and mending
agentai skill test PATH     the same, what it asks for, risks; runs its examples in a container
agentai skill new NAME      begin a skill: a folder NAME with a SKILL.md that passes lint
agentai skill schema        print the JSON Schema of a manifest

PATH is a skill's `.md` file, its folder, or a folder of skills. Scripts may come from anybody, so
they are read here and run only in a container (see `executors.skill_examples`); `--static` leaves
that out. Exit code 0: no problem; 1: problems; 2: the command was used wrongly.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserFacing
from core.settings import load_settings
from skills.cargo import cargo
from skills.library import Library, load_one
from skills.manifest import normalised, parse_skill
from skills.permissions import NOTHING, grown
from skills.scan import scan
from skills.schema import json_schema
from skills.types import Skill

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skills.scan import Risk
    from skills.types import Problem

TEMPLATE = """\
---
name: {name}
description: Say in one sentence what it does. Use it when the owner asks for such and such.
license: MIT
permissions:
  tier: L1
  filesystem:
    read: ["*.txt"]
---

# {title}

1. Say step by step what to do, as to a careful colleague who has never done it.
2. Name the files to read. The owner's files lie in `files/`.
3. Say what the answer looks like, and what to do when something is missing.
"""


def main(arguments: list[str]) -> int:
    """Runs one form of the command; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:  # argparse has said what is wrong
        return end.code if isinstance(end.code, int) else 2
    match options.form:
        case "new":
            return _new(options.name, options.folder)
        case "schema":
            print(schema_text(), end="")
            return 0
        case "test":
            return _test(options.path, is_static=options.static)
        case _:
            return _lint(options.paths)


def schema_text() -> str:
    """The JSON Schema as its file in the documents holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentai skill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    forms = parser.add_subparsers(dest="form", required=True)
    lint = forms.add_parser("lint", help="say what is wrong")
    lint.add_argument("paths", metavar="PATH", nargs="+", type=Path)
    test = forms.add_parser("test", help="check one skill and run its examples in a container")
    test.add_argument("--static", action="store_true", help="run nothing")
    test.add_argument("path", metavar="PATH", type=Path)
    new = forms.add_parser("new", help="begin a skill")
    new.add_argument("name", metavar="NAME")
    new.add_argument("--folder", metavar="FOLDER", type=Path, default=Path())
    forms.add_parser("schema", help="print the JSON Schema")
    return parser


def read_skills(path: Path) -> tuple[list[Skill], list[Problem]]:
    """The skills at a path: a file, a skill's folder, or a folder of skills."""
    if not path.exists():
        raise UserFacing(f"There is no {path}.")
    path = path.resolve()
    state = load_one(path) or Library(None, path).load()
    return list(state.skills.values()), list(state.problems)


def _lint(paths: Sequence[Path]) -> int:
    has_problems = False
    for path in paths:
        skills, problems = read_skills(path)
        _print(problem.sentence() for problem in problems)
        for skill in skills:
            _print(f"note: {note.sentence()}" for note in skill.notes)
            print(f"{skill.path}: {skill.name}, {skill.tier}, no problems")
        has_problems = has_problems or bool(problems) or not skills
        if not problems and not skills:
            print(f"{path}: there is no skill", file=sys.stderr)
    return int(has_problems)


def _test(path: Path, *, is_static: bool) -> int:
    """Static checks, then the skill's own examples if it has any."""
    code = _lint([path])
    has_run = False
    for skill in read_skills(path)[0]:
        asks = grown(NOTHING, skill.permissions) or ("nothing but its own files",)
        _print(f"asks: {line}" for line in asks)
        _print(_risk_line(risk) for risk in _risks(skill, path))
        print(f"prompt: {len(skill.description)} characters; body: {len(skill.body)} characters")
        if not is_static and (ran := _examples(skill)) is not None:
            has_run, code = True, code or int(bool(ran))
    if not has_run:
        print("These checks are static: no script and no test of the skill was run.")
    return code


def _examples(skill: Skill) -> int | None:
    """Runs the skill's examples; how many failed, or None when it has none."""
    from executors.images import executor_image_tag, project_root
    from executors.skill_examples import examples_of, run_examples

    files = {file.path: content for file, content in cargo(skill)}
    if not examples_of(files):
        return None
    ended = run_examples(
        files, image=executor_image_tag(project_root()), packages=skill.permissions.packages,
        cache=load_settings().home / "packages",
    )  # fmt: skip
    for ran in ended:
        print(f"example {ran.name}: {ran.fault or 'as expected'}")
        if ran.fault:
            _print(f"    {line}" for line in ran.output.splitlines()[-20:])
    return sum(bool(ran.fault) for ran in ended)


def _risks(skill: Skill, path: Path) -> list[Risk]:
    files = [(file.path, content) for file, content in cargo(skill)]
    if skill.folder is None:
        files = [(path.name, path.read_bytes())]
    return [
        risk
        for name, content in files
        if b"\0" not in content
        for risk in scan(content.decode(errors="replace"), file=name)
    ]


def _risk_line(risk: Risk) -> str:
    return f"risk: {risk.file}:{risk.line}: {risk.sentence} ({risk.sample})"


def _new(wanted: str, folder: Path) -> int:
    name = normalised(wanted)
    text = TEMPLATE.format(name=name, title=name.replace("-", " ").capitalize())
    path = folder / name / "SKILL.md"
    parsed = parse_skill(text, path=f"{name}/SKILL.md")
    if not isinstance(parsed, Skill):
        raise UserFacing(parsed[0].sentence())
    try:
        path.parent.mkdir(parents=True)
    except FileExistsError as error:
        raise UserFacing(f"{path.parent} is there already.") from error
    path.write_text(text, encoding="utf-8")
    print(f"{path} is there. Edit it, then: agentai skill lint {path.parent}")
    return 0


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)

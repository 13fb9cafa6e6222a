"""Mutation testing of what decides about safety: how many small faults do the unit tests notice.

Every mutant runs in a forked process of its own that loads the changed module in the place of the
right one and then the tests that belong to it, anew, without examples from earlier runs and with
the same examples every time. A mutant is killed when a test fails. One that runs too long counts
as not killed. Tests of duration are left out, since a busy machine would kill for them.

`EQUIVALENT` lists the mutants that no test can tell from the right code, with the reason for each.
They are not in the total, but a whole run tries them, too: one that is killed has no place there.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import select
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis
import pytest

from bench.security.mutations import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = {
    "agentai", "bot", "coordinator", "core", "executors", "heartbeat", "playground", "skills",
    "tests",
}  # fmt: skip
_UNIT = "tests/unit/core"
_POLICY = [
    f"{_UNIT}/policy/test_{name}.py" for name in ("action", "grants", "types", "words", "decide")
]
_APPROVALS = [f"{_UNIT}/approvals/test_{name}.py" for name in ("mutants_states", "mutants_ledger")]
_VAULT = [f"{_UNIT}/test_vault_names.py", f"{_UNIT}/test_vault_envelope.py"]
_AUDIT = [f"{_UNIT}/test_audit_heads.py", f"{_UNIT}/test_audit_chain.py"]
# The modules and the unit tests that belong to each; the nearest file comes first.
TESTS: dict[str, list[str]] = {
    **{
        f"core/policy/{name}.py": _POLICY
        for name in ("__init__", "action", "budget", "decide", "grants", "reasons", "types")
    },
    "core/policy/words.py": [_POLICY[3], _POLICY[4]],
    **{f"core/approvals/{name}.py": _APPROVALS for name in ("ledger", "states", "types")},
    **{f"core/vault/{name}.py": _VAULT for name in ("envelope", "names")},
    **{f"core/audit/{name}.py": _AUDIT for name in ("chain", "heads", "types")},
}
DURATIONS = (f"{_UNIT}/policy/test_decide.py::test_a_decision_takes_less_than_a_millisecond",)
CPU_S = 20
WALL_S = 60  # for one that waits for ever; a busy machine is given time
MEMORY_BYTES = 4 * 1024**3
FLOOR = 0.95
Figures = dict[str, tuple[float | int | None, str, str]]

_SAME_EMPTINESS = "only whether anything is left counts, and that is the same"
_REFUSED_ANYWAY = "the pattern of a host refuses `*.com` by itself"
EQUIVALENT: dict[str, str] = {
    "core/policy/action.py module: 'Json' -> 'XXJsonXX'": "a type, read by the type checker only",
    "core/policy/action.py module: 'Json' -> 'XXJsonXX' #2": "a type, read by the checker only",
    "core/policy/grants.py module: 2 -> 3": "ranks are only compared, and the order is the same",
    "core/policy/words.py module: 'A-Za-z0-9_%+\\\\-@./:' -> 'XXA-Za-z0-9_%+\\\\-@./:XX'": (
        "X is in A-Z of this class already"
    ),
    "core/policy/words.py has_address: address.strip -> address.lstrip": _SAME_EMPTINESS,
    "core/policy/words.py has_content: content.strip -> content.lstrip": _SAME_EMPTINESS,
    "core/policy/words.py has_hidden: '\\n\\t\\r' -> 'XX\\n\\t\\rXX'": (
        "asked for control characters only, and X is none"
    ),
    "core/audit/heads.py HeadFile.read: b'' -> b'XXXX'": "a tail that is no head is passed over",
    "core/audit/heads.py _sync_folder: os.O_RDONLY | os.O_DIRECTORY -> os.O_RDONLY & "
    "os.O_DIRECTORY": "both open the folder for reading; the file was just made in it",
    "core/vault/names.py _parse_host: is_wide = host.startswith('*.') and host.count('.') < 2 -> "
    "is_wide = None": _REFUSED_ANYWAY,
    "core/vault/names.py _parse_host: host.startswith -> host.endswith": _REFUSED_ANYWAY,
    "core/vault/names.py _parse_host: '*.' -> 'XX*.XX'": _REFUSED_ANYWAY,
}


@dataclass(kw_only=True)
class Counted:
    """What became of the mutants of one module or of several."""

    killed: int = 0
    survived: list[str] = field(default_factory=list)
    timeouts: list[str] = field(default_factory=list)
    wrongly_excluded: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.killed + len(self.survived) + len(self.timeouts)

    @property
    def share(self) -> float:
        return self.killed / self.total if self.total else 1.0


class InPlace(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from changed code, wherever it is imported."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        folder = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=self, submodule_search_locations=folder
        )

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # the module's own text, with one fault


def measure(
    modules: Sequence[str], sample: int | None = None, *, part: int = 0, parts: int = 1
) -> dict[str, Counted]:
    """Runs the mutants of these modules, all or a fixed sample of so many over all of them.

    Several processes may share the work: each runs one of so many parts, which no other runs.
    """
    mutants = [(m, one) for m in modules for one in mutants_of((ROOT / m).read_text("utf-8"), m)]
    _check_list(modules, {one.key for _, one in mutants})
    if sample is not None:
        counting = [pair for pair in mutants if pair[1].key not in EQUIVALENT]
        mutants = sorted(counting, key=lambda p: hashlib.sha256(p[1].key.encode()).digest())[
            :sample
        ]
    mutants = mutants[part::parts]
    _load_once(modules)
    counted = {module: Counted() for module in modules}
    with tempfile.TemporaryDirectory() as folder:
        # Without a mutant the same tests are the same run, whichever module they belong to.
        unchanged = {tuple(TESTS[module]): module for module, _ in mutants}
        for module, _, is_killed in _run_all([(m, None) for m in unchanged.values()], folder):
            if is_killed is not False:
                raise RuntimeError(f"the tests of {module} fail without a mutant")
        for module, mutant, is_killed in _run_all(mutants, folder):
            if mutant is not None:
                _count(counted[module], mutant, is_killed)
    return counted


def _check_list(modules: Sequence[str], keys: set[str]) -> None:
    stale = [k for k in EQUIVALENT if k.partition(" ")[0] in modules and k not in keys]
    if stale:
        raise RuntimeError(f"listed as equivalent, but there is no such mutant: {stale}")


def _count(counted: Counted, mutant: Mutant, is_killed: bool | None) -> None:
    if mutant.key in EQUIVALENT:
        if is_killed:
            counted.wrongly_excluded.append(mutant.key)
    elif is_killed:
        counted.killed += 1
    else:
        (counted.timeouts if is_killed is None else counted.survived).append(
            f"line {mutant.line}: {mutant.key}"
        )


def _load_once(modules: Sequence[str]) -> None:
    """Imports what the tests import, so that a child finds all foreign modules there."""
    hypothesis.settings.register_profile(
        "mutants", max_examples=20, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    for path in sorted({path for module in modules for path in TESTS[module]}):
        importlib.import_module(path.removesuffix(".py").replace("/", "."))


def _run_all(
    work: Sequence[tuple[str, Mutant | None]], folder: str
) -> Iterator[tuple[str, Mutant | None, bool | None]]:
    """Runs so many at a time as there are processors; True: killed, None: took too long."""
    waiting, running = list(reversed(work)), dict[int, tuple[int, str, Mutant | None]]()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            module, mutant = waiting.pop()
            pid = _start(module, mutant, folder)
            running[os.pidfd_open(pid)] = pid, module, mutant
        for descriptor in select.select(list(running), [], [])[0]:
            pid, module, mutant = running.pop(descriptor)
            os.close(descriptor)
            yield module, mutant, _verdict(os.waitpid(pid, 0)[1], module)


def _verdict(status: int, module: str) -> bool | None:
    """Of a run of pytest: 0 all passed, 1 a test failed, 2 a test file could not be loaded."""
    if os.WIFSIGNALED(status):
        return None
    code = os.WEXITSTATUS(status)
    if code not in {0, 1, 2}:
        raise RuntimeError(f"pytest could not run the tests of {module}: {code}")
    return code != 0


def _start(module: str, mutant: Mutant | None, folder: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = _tested(module, mutant, f"{folder}/{os.getpid()}")
    finally:
        os._exit(code)


def _tested(module: str, mutant: Mutant | None, folder: str) -> int:
    """In the child: pytest's exit code."""
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(1, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    signal.alarm(WALL_S)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    if mutant is not None:
        name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        code = compile(mutant.apply(), str(ROOT / module), "exec")
        sys.meta_path.insert(0, InPlace(name, ROOT / module, code))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    hypothesis.settings.load_profile("mutants")
    options = ["-x", "-q", "-s", "--noconftest", "--rootdir", str(ROOT), "-c", os.devnull]
    options += ["-W", "error", "--basetemp", folder]
    options += ["-p", "no:cacheprovider", "-p", "no:faulthandler"]
    left_out = [f"--deselect={test}" for test in DURATIONS]
    return pytest.main([*options, *left_out, *(str(ROOT / path) for path in TESTS[module])])


def figures(counted: dict[str, Counted]) -> Figures:
    """For bench.results: the share over all modules, and the size of the kernel."""
    killed, total = (sum(getattr(c, n) for c in counted.values()) for n in ("killed", "total"))
    lines = sum(path.read_bytes().count(b"\n") for path in (ROOT / "core" / "policy").glob("*.py"))
    return {
        "kernel_mutants_killed_share": (
            round(killed / total, 4), "share",
            f"of {total} mutants of policy, approvals, vault and audit, killed by unit tests",
        ),
        "kernel_lines": (lines, "lines", "core/policy/*.py with comments, as wc -l counts"),
    }  # fmt: skip


def main() -> int:
    """Prints the figures of each module and the survivors; 1 when too few were killed."""
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS))
    parser.add_argument("--sample", type=int)
    parser.add_argument("--part", type=int, default=0, help="the first is 0")
    parser.add_argument("--parts", type=int, default=1)
    chosen = parser.parse_args()
    counted = measure(chosen.modules, chosen.sample, part=chosen.part, parts=chosen.parts)
    for module, found in counted.items():
        print(f"{module}: {found.killed} of {found.total} killed, {found.share:.1%}")
        for line in (*found.survived, *(f"too long: {one}" for one in found.timeouts)):
            print(f"    {line}")
        for key in found.wrongly_excluded:
            print(f"    listed as equivalent, but killed: {key}")
    print(json.dumps(figures(counted)))
    share = sum(c.killed for c in counted.values()) / sum(c.total for c in counted.values())
    return int(share < FLOOR or any(c.wrongly_excluded for c in counted.values()))


if __name__ == "__main__":
    sys.exit(main())

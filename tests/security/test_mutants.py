"""The tests of the kernel notice when it is changed: a sample of `make security suites=mutants`.

The sample is run in parts, each in a fresh process: a fork of a test process that has loaded half
the product costs more than the tests of a mutant, and test processes share the parts.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE, PARTS = 40, 4


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_sample_of_mutants_is_killed(part: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.security.mutants", "--sample", str(SAMPLE),
         "--part", str(part), "--parts", str(PARTS)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert f"of {SAMPLE // PARTS} mutants" in figures["kernel_mutants_killed_share"][2]
    assert figures["kernel_mutants_killed_share"][0] >= 0.95
    assert figures["kernel_lines"][0] <= 1_500

"""The tests of the kernel notice when it is changed: a sample of `make security suites=mutants`."""

import pytest


@pytest.mark.timeout(300)
def test_a_sample_of_mutants_is_killed() -> None:
    from bench.security.mutants import TESTS, figures, measure

    counted = measure(list(TESTS), sample=40)
    share, lines = (
        figures(counted)[key][0] for key in ("kernel_mutants_killed_share", "kernel_lines")
    )
    assert share is not None
    assert share >= 0.95
    assert lines is not None
    assert lines <= 1_500

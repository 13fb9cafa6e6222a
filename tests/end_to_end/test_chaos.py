"""Nothing is lost and nothing runs twice, whatever dies: the short version of `make chaos`."""

from pathlib import Path

from bench.chaos import run_chaos


async def test_killing_parts_at_random_loses_and_doubles_nothing(tmp_path: Path) -> None:
    outcome = await run_chaos(12, seed=2026, folder=tmp_path)
    assert outcome.lost_messages == []
    assert outcome.lost_results == []
    assert outcome.doubled == []
    assert outcome.rounds == 12

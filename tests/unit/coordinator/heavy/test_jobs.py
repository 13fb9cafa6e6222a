"""Jobs, their lanes, and what a call may reach."""

import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.heavy.jobs import JOBS, LANES, Reach, find_job, reach_of
from core.errors import Bug


def test_every_job_is_a_module_and_every_lane_has_its_own_name() -> None:
    assert all(importlib.util.find_spec(job.module) for job in JOBS.values())
    assert all(LANES[job.lane.name] == job.lane for job in JOBS.values())


def test_what_waits_for_nobody_has_a_lane_of_its_own() -> None:
    lanes = [find_job(name).lane.name for name in ("embed_query", "embed_passages", "transcribe")]
    assert len(set(lanes)) == 3


def test_what_reads_files_of_strangers_may_neither_connect_nor_run_programs() -> None:
    for name in ("picture", "transcribe"):
        lane = find_job(name).lane
        assert not lane.may_connect
        assert not lane.may_run
        assert lane.memory_mb > 0


def test_an_unknown_job_is_our_own_mistake() -> None:
    with pytest.raises(Bug):
        find_job("nothing")


@pytest.mark.parametrize(
    ("payload", "reach"),
    [
        ({}, Reach()),
        ({"path": "/a/b.ogg"}, Reach()),
        ({"path": "/a/b.ogg", "model": "/models/base"}, Reach(read=frozenset({"/models/base"}))),
        ({"model": "base", "folder": "/models"}, Reach(write=frozenset({"/models"}))),
        ({"model": "base", "folder": 7}, Reach()),
        ({"model": "/a\0b/c"}, Reach()),
    ],
)
def test_a_call_reaches_the_folders_that_it_names(payload: dict[str, object], reach: Reach) -> None:
    assert reach_of(payload) == reach


folders = st.frozensets(st.sampled_from(["/a", "/b", "/c"]))
reaches = st.builds(Reach, read=folders, write=folders)


@given(reaches, reaches)
def test_joined_covers_both(one: Reach, other: Reach) -> None:
    assert one.joined(other).covers(one)
    assert one.joined(other).covers(other)
    assert one.covers(other) == (one.joined(other) == one)

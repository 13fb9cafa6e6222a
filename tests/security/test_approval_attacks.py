"""Attacks on approvals; `bench.security` plays the same and walks and kills for longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bench.security.approvals_case import CONTROLS
from bench.security.approvals_kills import measure_kills
from bench.security.approvals_machine import measure_machine
from bench.security.approvals_suite import ATTACKS, Counted, Template, figures, play

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.security.approvals_scene import Scene
    from tests.support.services import RunningPostgres

    Move = Callable[[Scene], Awaitable[bool]]

STEPS, KILLS = 2_000, 25


@pytest.fixture(scope="module")
def template(postgres: RunningPostgres) -> Template:
    return Template(postgres)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_fails(template: Template, attack: Move) -> None:
    assert not play(template, attack)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.__name__)
def test_the_owners_own_decision_counts(template: Template, control: Move) -> None:
    assert play(template, control)


def test_no_order_of_moves_uses_an_action_twice_or_without_the_owner(template: Template) -> None:
    with template.copy() as (dsn, folder):
        walked = measure_machine(STEPS, dsn, folder)
    assert walked.steps >= STEPS
    assert walked.used > 0
    assert walked.rolled_back > 0


def test_no_kill_makes_an_effect_happen_twice_or_unapproved(template: Template) -> None:
    with template.copy() as (dsn, folder):
        killed = asyncio.run(measure_kills(KILLS, dsn, folder))
    assert killed.kills == KILLS
    assert killed.effects > 0
    assert killed.doubles == 0


def test_the_attacks_are_many_and_have_one_name_each() -> None:
    assert len(ATTACKS) >= 24
    assert len({attack.__name__ for attack in ATTACKS}) == len(ATTACKS)
    shown = figures(Counted(attacks=len(ATTACKS), succeeded=["double_tap"]))
    assert shown["approval_attacks"][0] == len(ATTACKS)
    assert shown["approval_attacks_succeeded"][0] == 1

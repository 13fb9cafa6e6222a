"""For each permission kind a malicious skill tries to exceed its manifest, in a real container."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.skill_escapes import API, CASES, OTHER, Found, attempt_all
from tests.support.web import EchoWeb
from tests.support.world import World


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[EchoWeb]:
    made = EchoWeb(tmp_path / "web", API, OTHER)
    await made.start()
    yield made
    await made.stop()


async def test_a_skill_never_exceeds_its_manifest_and_the_audit_says_so(
    world_without_model: World, web: EchoWeb
) -> None:
    world_without_model.env |= web.environment()
    found = await attempt_all(world_without_model, web)
    assert len(found) == len(CASES)
    assert [_told(f) for f in found if f.has_escaped] == []
    assert [_told(f) for f in found if not f.is_audited] == []


def _told(found: Found) -> str:
    return f"{found.case.kind}: {found.said[:500]}"

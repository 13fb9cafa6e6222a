"""Listening on this machine: a real model, none at all, and no network to fetch one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coordinator.heavy.client import Heavy
from coordinator.speech.hearing import Hearing
from core.config import ConfigStore
from core.db import Database
from core.errors import UserFacing
from core.migrate import migrate
from core.seal import Seal
from core.settings import load_settings
from core.tasks import TaskStore
from tests.support.speech import SENTENCES, TINY_MODEL, voice_note, word_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WORDS = SENTENCES[0]


class Ear:
    """What a test holds."""

    def __init__(self, database: Database, heavy: Heavy, folder: Path) -> None:
        self.config = ConfigStore(database=database, seal=Seal("x" * 20), env=load_settings())
        self.hearing = Hearing(
            heavy=heavy, config=self.config, tasks=TaskStore(database), folder=folder / "models"
        )
        self.told: list[tuple[str, float]] = []
        self.path = folder / "note.ogg"
        self.path.write_bytes(voice_note(WORDS, folder))

    async def hear(self) -> str:
        heard = await self.hearing.hear(
            self.path, seconds=4, on_fetch=lambda name, share: self.told.append((name, share))
        )
        assert (heard.language, 2 < heard.seconds < 6) == ("en", True)
        return heard.text


@pytest.fixture
async def ear(tmp_path: Path, database_url: str) -> AsyncIterator[Ear]:
    database, heavy = await Database.connect(database_url, size=2), Heavy()
    await migrate(database)
    yield Ear(database, heavy, tmp_path)
    await heavy.close()
    await database.close()


async def test_a_model_in_a_folder_listens_without_any_download(ear: Ear) -> None:
    await ear.config.set("voice.model", TINY_MODEL, actor="test")
    wrong, of = word_errors(WORDS, await ear.hear())
    assert wrong <= of * 0.1
    assert ear.told == []


async def test_nearly_every_word_of_usual_sentences_is_understood(ear: Ear, tmp_path: Path) -> None:
    await ear.config.set("voice.model", TINY_MODEL, actor="test")
    wrong = of = 0
    for words in SENTENCES:
        ear.path.write_bytes(voice_note(words, tmp_path))
        errors, count = word_errors(words, await ear.hear())
        wrong, of = wrong + errors, of + count
    assert wrong / of <= 0.12


async def test_without_a_model_and_without_a_network_the_owner_is_told_what_to_do(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserFacing, match="base could not be downloaded") as caught:
        await ear.hear()
    assert "voice.model FOLDER" in caught.value.hint
    assert ear.told[0] == ("base", 0.0)
    await ear.config.set("voice.model", "no-such-model", actor="test")
    with pytest.raises(UserFacing, match="no speech model called"):
        await ear.hear()
    await ear.config.set("voice.model", "/nowhere", actor="test")
    with pytest.raises(UserFacing, match="not there"):
        await ear.hear()

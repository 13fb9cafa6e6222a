"""Puts the parts that listen and speak together for `agentai serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.voice_command import VoiceCommand
from bot.voice_in import VoiceIn
from bot.voice_out import VoiceOut
from bot.voice_progress import ModelProgress
from bot.voice_store import VoiceStore
from coordinator.speech.hearing import Hearing
from coordinator.speech.speaking import Speaking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentai.foundation import Foundation
    from bot.commands import Handler
    from bot.conversing import Conversing
    from bot.presses import Presses
    from bot.route import After
    from bot.voice import TelegramVoice
    from coordinator.heavy.client import Heavy


class VoiceWiring:
    """Voice in, voice out and /voice, wired to what all parts stand on."""

    def __init__(self, base: Foundation, heavy: Heavy) -> None:
        self._base = base
        config, database = base.config, base.database
        home, store = base.env.home, base.store
        voices = VoiceStore(database)
        speaking = Speaking(heavy=heavy, config=config, vault=base.vault)
        self.out = VoiceOut(
            database=database, voices=voices, store=store, config=config, speaking=speaking
        )
        self.out.join(folder=home / "speech", wake_outbox=base.outbox.wake)
        self._listening = VoiceIn(
            database=database, voices=voices, store=store, conversation=base.conversation,
            config=config,
        )  # fmt: skip
        self._hearing = Hearing(
            heavy=heavy, config=config, tasks=base.tasks, folder=home / "models"
        )
        self._command = VoiceCommand(
            database=database, voices=voices, store=store, speaking=speaking, wake=self.out.wake
        )
        self._command.join(base.outbox.wake)

    def join(
        self, voice: TelegramVoice, conversing: Conversing, *, presses: Presses, after: After
    ) -> None:
        """Connects to the parts that are made after this one."""
        base = self._base
        self._listening.join(
            hearing=self._hearing, api=base.api, folder=base.env.home / "heard",
            typing=voice.typing,
            progress=ModelProgress(
                database=base.database, store=base.store, wake_outbox=base.outbox.wake
            ),
        )  # fmt: skip
        self._listening.answer_to(conversing, after)
        voice.aloud = self.out
        presses.voice = self._command

    def commands(self) -> dict[str, Handler]:
        """The command, by name."""
        return {"voice": self._command.handle}

    def lanes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Steps to run forever, by name; only the process that holds the lease runs them."""
        return {"listening": self._listening.step, "speaking": self.out.step}

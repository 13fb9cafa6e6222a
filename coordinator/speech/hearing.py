"""Speech to text: a transcription service when one is set, else Whisper in a heavy process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.heavy.fetch_voice_model import kept, source
from coordinator.speech.choosing import LocalModel, listener, listening_time_s
from coordinator.speech.service import transcribe
from core.errors import Bug, Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coordinator.heavy.client import Heavy
    from core.config import Config, ConfigStore
    from core.models import Route
    from core.tasks import TaskStore

FETCH_S = 3600.0
NO_MODEL_HINT = (
    "Check the network and send it again, or type it. "
    "/config voice.model FOLDER uses a model that lies on this machine."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What was understood; `language` is a code such as `de`, empty when nobody told."""

    text: str
    language: str
    seconds: float


class Hearing:
    """Listens to recordings. `folder` keeps the models that were downloaded."""

    def __init__(
        self, *, heavy: Heavy, config: ConfigStore, tasks: TaskStore, folder: Path
    ) -> None:
        self._heavy = heavy
        self._config = config
        self._tasks = tasks
        self._folder = folder

    async def hear(
        self, path: Path, *, seconds: float, on_fetch: Callable[[str, float], None]
    ) -> Heard:
        """The words in the recording at `path`, in one line.

        `seconds` is its length as far as known; `on_fetch` hears of a download under way: the
        model's name and the share that is there. Raises `Retryable` and `UserFacing`. Cancelling
        ends the work; a download goes on from where it was.
        """
        config = await self._config.current()
        match listener(config):
            case LocalModel() as local:
                folder = local.folder or await self._fetched(local.name, on_fetch)
                return await self._by_whisper(path, folder, config, seconds=seconds)
            case route:
                return await self._by_service(route, path, config)

    async def _fetched(self, name: str, on_fetch: Callable[[str, float], None]) -> Path:
        from pathlib import Path

        source(name)
        if (found := kept(name, self._folder)) is not None:
            return found
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        on_fetch(name, 0.0)
        try:
            body = await self._heavy.call(
                "fetch_voice_model", {"model": name, "folder": str(self._folder)},
                timeout_s=FETCH_S, on_progress=lambda share, _: on_fetch(name, share),
            )  # fmt: skip
        except Retryable as error:
            raise UserFacing(
                f"I cannot listen yet: the speech model {name} could not be downloaded.",
                NO_MODEL_HINT,
            ) from error
        on_fetch(name, 1.0)
        return Path(str(body["path"]))

    async def _by_whisper(
        self, path: Path, folder: Path, config: Config, *, seconds: float
    ) -> Heard:
        max_s = config.whole("voice.max_min") * 60.0
        body = await self._heavy.call(
            "transcribe",
            {"path": str(path), "model": str(folder), "max_s": max_s,
             "language": config.text("voice.language")},
            timeout_s=listening_time_s(min(seconds or max_s, max_s)),
        )  # fmt: skip
        try:
            return Heard(
                text=" ".join(str(body["text"]).split()), language=str(body["language"]),
                seconds=float(str(body["duration_s"])),
            )  # fmt: skip
        except (KeyError, ValueError) as error:
            raise Bug("what was heard arrived broken") from error

    async def _by_service(self, route: Route, path: Path, config: Config) -> Heard:
        found = await transcribe(route, path, language=config.text("voice.language"))
        await self._tasks.record_usage(
            found.usage, role="coordinator", model=route.model, purpose="transcription",
            outcome="ok",
        )  # fmt: skip
        return Heard(text=found.text, language=found.language, seconds=found.seconds)

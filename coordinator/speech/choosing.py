"""Who listens and who speaks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from core.errors import UserFacing
from core.models import Route

if TYPE_CHECKING:
    from core.config import Config

Engine = Literal["elevenlabs", "local"]
Mode = Literal["off", "auto", "always"]
MODES: tuple[Mode, ...] = ("off", "auto", "always")

SERVICE_S = 120.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalModel:
    """A Whisper model on this machine: `folder` when the setting names one, else `name`."""

    name: str
    folder: Path | None = None


def listener(config: Config) -> Route | LocalModel:
    """The transcription service that is set, or the model on this machine.

    The key of the model service is sent to no other address.
    """
    model = config.text("voice.service_model")
    if not model:
        name = config.text("voice.model") or "base"
        return LocalModel(name=name, folder=Path(name) if name.startswith("/") else None)
    address = config.text("voice.base_url") or config.text("model.base_url")
    key = config.text("voice.api_key")
    if not key and address == config.text("model.base_url"):
        key = config.text("model.api_key")
    return Route(model=model, base_url=address, api_key=key or "none", timeout_s=SERVICE_S)


def is_openrouter(route: Route) -> bool:
    """OpenRouter takes the sound inside JSON; other services take a form with a file."""
    return urlsplit(route.base_url).hostname == "openrouter.ai"


def listening_time_s(seconds: float) -> float:
    """How long the model on this machine may take for a recording of this length."""
    return 180.0 + 4.0 * seconds


def speaker(config: Config, *, has_key: bool) -> Engine:
    """Who speaks: the setting says so, or the key in the vault does."""
    match config.text("voice.engine"):
        case "elevenlabs":
            return "elevenlabs"
        case "local":
            return "local"
        case _:
            return "elevenlabs" if has_key else "local"


def is_wanted(mode: str, *, was_spoken: bool) -> bool:
    """Whether an answer is said aloud."""
    return mode == "always" or (mode == "auto" and was_spoken)


def check_key_host(address: str, host: str) -> None:
    """Refuses to send a key to another host than its own; this machine itself is no other host."""
    wanted = urlsplit(address).hostname or ""
    is_wide = host.startswith("*.") and wanted.partition(".")[2] == host[2:]
    if wanted not in {host, *_LOOPBACK} and not is_wide:
        raise UserFacing(
            f"The key ELEVENLABS is for {host}, but voice.speech_url names {wanted}.",
            "Store the key for that host, or correct the setting.",
        )

"""Job `speak`: speech by ElevenLabs, through its SDK.

    {"api_key", "base_url", "text", "voice": ID or "" for the first one, "model"}
    → {"audio": base64 of OGG/Opus, "seconds"}

The key goes to `base_url` only: redirects are not followed, since the SDK's own header would go
with them.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from coordinator.heavy.elevenlabs_errors import as_error
from coordinator.heavy.opus import as_voice_note
from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from elevenlabs.client import ElevenLabs
    from elevenlabs.core.request_options import RequestOptions

ONE_TRY_S = 45
AUDIO_CAP = 16 << 20
OUTPUT = "opus_48000_32"
OPTIONS: RequestOptions = {"timeout_in_seconds": ONE_TRY_S, "max_retries": 0}


def run(payload: dict[str, Any]) -> dict[str, Any]:
    """Speaks one text."""
    with client(payload) as eleven:
        voice = str(payload["voice"]) or _first_voice(eleven)
        parts = eleven.text_to_speech.convert(
            voice, text=str(payload["text"]), model_id=str(payload["model"]),
            output_format=OUTPUT, request_options=OPTIONS,
        )  # fmt: skip
        audio, seconds = as_voice_note(bounded(parts))
    return {"audio": base64.b64encode(audio).decode(), "seconds": seconds}


def bounded(parts: Iterable[bytes]) -> bytes:
    """All parts together, or `Retryable` when they do not end."""
    found = bytearray()
    for part in parts:
        found += part
        if len(found) > AUDIO_CAP:
            raise Retryable("ElevenLabs sent more than a voice note")
    return bytes(found)


def _first_voice(eleven: ElevenLabs) -> str:
    voices = eleven.voices.search(page_size=1, request_options=OPTIONS).voices
    if not voices:
        raise UserFacing("There is no voice in the account at ElevenLabs.", "Add one there.")
    return str(voices[0].voice_id)


@contextmanager
def client(payload: dict[str, Any]) -> Iterator[ElevenLabs]:
    """A client with the owner's key; what it raises comes out as our own errors."""
    import httpx
    from elevenlabs.client import ElevenLabs
    from elevenlabs.core.api_error import ApiError
    from pydantic import ValidationError

    with httpx.Client(timeout=ONE_TRY_S, follow_redirects=False) as wire:
        try:
            yield ElevenLabs(
                api_key=str(payload["api_key"]), base_url=str(payload["base_url"]),
                httpx_client=wire,
            )  # fmt: skip
        except ApiError as error:
            raise as_error(error.status_code, error.body) from None  # it may quote our headers
        except (httpx.HTTPError, httpx.InvalidURL, ValidationError, ValueError) as error:
            raise as_error(None, None) from error

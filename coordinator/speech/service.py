"""Transcription by a service: OpenAI-compatible (a form with a file), or OpenRouter (JSON).

Source: OpenAI's "Create transcription", and OpenRouter's speech-to-text guide: POST
/audio/transcriptions with `input_audio: {data, format}` in base64, answered by `text` and `usage`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.speech.choosing import SERVICE_S, is_openrouter
from core.errors import Retryable, UserFacing
from core.models import Failure, Usage, classify, error_in_body, parse_usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openai import AsyncOpenAI

    from core.models import Route

TEXT_CAP = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """What a service understood; `language` and `seconds` only where it tells."""

    text: str
    language: str
    seconds: float
    usage: Usage


class ServiceFailed(Exception):  # noqa: N818 - an event, not a mistake
    """One call failed; `failure` says what to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


async def transcribe(route: Route, path: Path, *, language: str) -> Transcript:
    """Sends the file. `Retryable` when the service is away, `UserFacing` when the owner must act.

    Cancelling ends the request; the service may have counted it.
    """
    sound = await asyncio.to_thread(path.read_bytes)
    try:
        return read_answer(await _post(route, sound, path.suffix.lstrip("."), language))
    except ServiceFailed as error:
        raise as_error(error.failure) from error


async def _post(route: Route, sound: bytes, ending: str, language: str) -> Mapping[str, object]:
    import httpx2
    import openai

    openai_ = await asyncio.to_thread(__import__, "openai")
    client: AsyncOpenAI = openai_.AsyncOpenAI(
        base_url=route.base_url, api_key=route.api_key, max_retries=0, timeout=SERVICE_S,
        default_headers={"X-Title": "AgentAI"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(SERVICE_S), client:
            if is_openrouter(route):
                body = openrouter_body(route.model, sound, ending, language)
                answer = await client.post(
                    "/audio/transcriptions", body=body, cast_to=httpx2.Response
                )
                found = json.loads(answer.content)
            else:
                raw = await client.audio.transcriptions.with_raw_response.create(
                    file=(f"speech.{ending}", sound), model=route.model, response_format="json",
                    language=language or openai.omit,
                )  # fmt: skip
                found = json.loads(raw.content)
    except openai.APIStatusError as error:
        raise ServiceFailed(classify(error.status_code, _said(error.body))) from error
    except (openai.OpenAIError, httpx2.HTTPError, TimeoutError, OSError, ValueError) as error:
        raise ServiceFailed(classify(None, type(error).__name__)) from error
    if not isinstance(found, dict):
        raise ServiceFailed(classify(502, "the answer is not an object"))
    return found


def openrouter_body(model: str, sound: bytes, ending: str, language: str) -> dict[str, object]:
    """The request as OpenRouter wants it."""
    body: dict[str, object] = {
        "model": model,
        "input_audio": {"data": base64.b64encode(sound).decode(), "format": ending},
    }
    return {**body, "language": language} if language else body


def read_answer(body: Mapping[str, object]) -> Transcript:
    """The transcript in an answer; an error that came with status 200 is an error."""
    if body.get("error"):
        raise ServiceFailed(classify(*(error_in_body(body) or (502, ""))))
    text = body.get("text")
    if not isinstance(text, str):
        raise ServiceFailed(classify(502, "the answer holds no text"))
    usage, language, seconds = body.get("usage"), body.get("language"), body.get("duration")
    if isinstance(usage, dict) and seconds is None:
        seconds = usage.get("seconds")
    is_number = isinstance(seconds, int | float) and 0 <= seconds < 1e6
    return Transcript(
        text=" ".join(text.split())[:TEXT_CAP],
        language=language[:20] if isinstance(language, str) else "",
        seconds=float(str(seconds)) if is_number else 0.0, usage=parse_usage(usage),
    )  # fmt: skip


def as_error(failure: Failure) -> Retryable | UserFacing:
    """A failure for whoever has to act."""
    text = failure.text.replace("The model service", "The transcription service")
    if failure.act == "next":
        return Retryable(text, max(failure.after_s, 2.0))
    hint = failure.hint.replace("model.api_key", "voice.api_key")
    return UserFacing(text, hint or "Check the setting voice.service_model.")


def _said(body: object) -> str:
    inner = body.get("error", body) if isinstance(body, dict) else body
    message = inner.get("message") if isinstance(inner, dict) else inner
    return str(message or "")[:300]

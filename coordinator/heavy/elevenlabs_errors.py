"""What ElevenLabs says when it refuses, as sentences for the owner. Pure.

Source: the SDK's errors, and ElevenLabs' help on codes 400, 401 and 429: the body is
`{"detail": {"status": WORD, "message": TEXT}}`, or a list of `{"msg"}` for 422.
"""

from __future__ import annotations

from core.errors import AgentAIError, Retryable, UserFacing

KEY_HINT = "Store a valid one: /secret set ELEVENLABS api.elevenlabs.io"
QUOTA_HINT = "Top up the account at ElevenLabs, or use the voice on this machine: " + (
    "/config voice.engine local"
)


def as_error(status: int | None, body: object) -> AgentAIError:
    """The error to raise for an answer with this status and body; None: no answer."""
    word, text = _detail(body)
    said = f" It said: {text}" if text else ""
    if word in {"quota_exceeded", "payment_required"} or status == 402:
        return UserFacing(f"The quota at ElevenLabs is used up.{said}", QUOTA_HINT)
    if word in {"invalid_api_key", "missing_permissions", "needs_authorization"}:
        return UserFacing(f"ElevenLabs refused the key.{said}", KEY_HINT)
    if word == "voice_not_found" or status == 404:
        return UserFacing("ElevenLabs does not know the chosen voice.", "Choose another: /voice")
    match status:
        case 401 | 403:
            return UserFacing(f"ElevenLabs refused the key.{said}", KEY_HINT)
        case 429:
            return Retryable(f"ElevenLabs is at its limit.{said}", 5.0)
        case 400 | 413 | 422:
            return UserFacing(
                f"ElevenLabs refused the request.{said}", "Check voice.speech_model and /voice."
            )
        case None:
            return Retryable("ElevenLabs did not answer.", 5.0)
        case _:
            return Retryable(f"ElevenLabs failed ({status}).", 5.0)


def _detail(body: object) -> tuple[str, str]:
    detail = body.get("detail") if isinstance(body, dict) else body
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return "", str(detail[0].get("msg", ""))[:200]
    if isinstance(detail, dict):
        word = detail.get("status") or detail.get("code") or ""
        return str(word), str(detail.get("message", ""))[:200]
    return "", detail[:200] if isinstance(detail, str) else ""

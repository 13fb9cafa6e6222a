"""Job `voices`: the voices in the owner's account at ElevenLabs, a hundred at most.

{"api_key", "base_url"} → {"voices": [{"id", "name", "about"}…]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coordinator.heavy.speak import OPTIONS, client

if TYPE_CHECKING:
    from elevenlabs.types import Voice

CAP = 100


def run(payload: dict[str, Any]) -> dict[str, Any]:
    """One page of the list."""
    with client(payload) as eleven:
        found = eleven.voices.search(page_size=CAP, request_options=OPTIONS)
        return {"voices": [_shown(voice) for voice in found.voices[:CAP]]}


def _shown(voice: Voice) -> dict[str, str]:
    labels = voice.labels or {}
    about = ", ".join(str(labels[k]) for k in ("accent", "gender", "age") if labels.get(k))
    return {
        "id": voice.voice_id[:40],
        "name": (voice.name or voice.voice_id)[:60],
        "about": about[:80],
    }

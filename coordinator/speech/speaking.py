"""Text to speech: ElevenLabs with the owner's key, or the voice on this machine.

Threat: the key is the owner's money. It is opened for one call, goes to the heavy process through
its pipe, and only to the host that the vault binds it to; no error ever holds it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coordinator.speech.choosing import check_key_host, speaker
from coordinator.speech.speakable import is_english_enough
from core.errors import Bug, UserFacing

if TYPE_CHECKING:
    from coordinator.heavy.client import Heavy
    from coordinator.heavy.frames import Json
    from coordinator.speech.choosing import Engine
    from core.config import ConfigStore
    from core.vault import Vault

SECRET = "ELEVENLABS"  # noqa: S105 - the name of a secret, not one
SPEAK_S = 60.0
VOICES_S = 30.0
LOCAL_VOICES = (
    ("slt", "Susan, American English"), ("rms", "Roger, American English"),
    ("awb", "Alan, Scottish English"), ("kal16", "Kevin, American English"),
)  # fmt: skip
NO_KEY = UserFacing(
    "I have no key for ElevenLabs.",
    f"Store it: /secret set {SECRET} api.elevenlabs.io, or use the voice on this machine: "
    "/config voice.engine local",
)
ENGLISH_ONLY = UserFacing(
    "The voice on this machine speaks English only, so this answer is text.",
    f"For other languages store an ElevenLabs key: /secret set {SECRET} api.elevenlabs.io",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class VoiceInfo:
    """A voice that may be chosen."""

    id: str
    name: str
    about: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """A voice note: OGG with Opus, and its length."""

    audio: bytes
    seconds: float


class Speaking:
    """Speaks. Every method raises `UserFacing` or `Retryable`; the text is then all there is."""

    def __init__(self, *, heavy: Heavy, config: ConfigStore, vault: Vault) -> None:
        self._heavy = heavy
        self._config = config
        self._vault = vault

    async def engine(self) -> Engine:
        """Who speaks now."""
        names = {info.name for info in await self._vault.list()}
        return speaker(await self._config.current(), has_key=SECRET in names)

    async def voices(self) -> tuple[VoiceInfo, ...]:
        """The voices of the engine in force."""
        if await self.engine() == "local":
            return tuple(VoiceInfo(id=id_, name=name) for id_, name in LOCAL_VOICES)
        body = await self._heavy.call("voices", await self._access(), timeout_s=VOICES_S)
        listed = body.get("voices")
        if not isinstance(listed, list):
            raise Bug("the list of voices is no list")
        return tuple(
            VoiceInfo(id=str(v["id"]), name=str(v["name"]), about=str(v["about"])) for v in listed
        )

    async def speak(self, text: str, *, voice: str, engine: str) -> Spoken:
        """`text` in `voice`, which counts only for its own engine; else the engine's first one."""
        now = await self.engine()
        chosen = voice if engine == now else ""
        if now == "local":
            if not is_english_enough(text):
                raise ENGLISH_ONLY
            payload: dict[str, object] = {"text": text, "voice": chosen or LOCAL_VOICES[0][0]}
            return _spoken(await self._heavy.call("speak_here", payload, timeout_s=SPEAK_S))
        config = await self._config.current()
        payload = {
            **await self._access(), "text": text, "voice": chosen,
            "model": config.text("voice.speech_model"),
        }  # fmt: skip
        spoken = _spoken(await self._heavy.call("speak", payload, timeout_s=SPEAK_S))
        await self._vault.touch(SECRET)
        return spoken

    async def _access(self) -> dict[str, object]:
        names = {info.name for info in await self._vault.list()}
        if SECRET not in names:
            raise NO_KEY
        address = (await self._config.current()).text("voice.speech_url")
        secret = await self._vault.open(SECRET)
        check_key_host(address, secret.use.host)
        return {"api_key": secret.reveal(), "base_url": address}


def _spoken(body: Json) -> Spoken:
    try:
        audio = base64.b64decode(str(body["audio"]), validate=True)
        return Spoken(audio=audio, seconds=float(str(body["seconds"])))
    except (KeyError, ValueError, binascii.Error) as error:
        raise Bug("a voice note arrived broken") from error

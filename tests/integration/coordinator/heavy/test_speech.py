"""Speech jobs with their real libraries, in their real processes; ElevenLabs is a local server."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import av
import pytest

from core.errors import AgentAIError, Retryable, UserFacing
from tests.support.eleven_server import KEY, VOICES, Eleven
from tests.support.speech import TINY_MODEL, word_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coordinator.heavy.client import Heavy

WORDS = "The train to Berlin leaves at nine, and I still need a ticket."
#: What the service answers, and what the owner has to read then.
REFUSALS: tuple[tuple[int, Any, type[AgentAIError], str], ...] = (
    (401, {"status": "invalid_api_key", "message": "Invalid API key"}, UserFacing, "the key"),
    (401, {"status": "quota_exceeded", "message": "0 credits"}, UserFacing, "quota .* used up"),
    (402, {"status": "payment_required", "message": "pay"}, UserFacing, "quota .* used up"),
    (403, {"status": "missing_permissions", "message": "tts"}, UserFacing, "the key"),
    (422, [{"loc": ["body"], "msg": "bad model", "type": "x"}], UserFacing, "bad model"),
    (400, {"status": "max_character_limit_exceeded", "message": "long"}, UserFacing, "long"),
    (429, {"status": "too_many_concurrent_requests", "message": "slow"}, Retryable, "its limit"),
    (429, {"status": "system_busy", "message": "busy"}, Retryable, "its limit"),
    (500, "oops", Retryable, "failed"),
    (503, None, Retryable, "failed"),
)


@pytest.fixture
async def eleven() -> AsyncIterator[Eleven]:
    made = Eleven()
    await made.start()
    yield made
    await made.stop()


def wish(eleven: Eleven, **more: str) -> dict[str, object]:
    return {
        "api_key": KEY, "base_url": eleven.url, "text": WORDS, "voice": "", "model": "m", **more,
    }  # fmt: skip


async def listened(heavy: Heavy, audio: object, folder: Path) -> str:
    path = folder / "note.ogg"
    path.write_bytes(base64.b64decode(str(audio)))
    with av.open(str(path)) as note:
        stream = note.streams.audio[0]
        assert (note.format.name, stream.codec_context.name) in {
            ("ogg", "opus"),
            ("ogg", "libopus"),
        }
        assert stream.codec_context.layout.name == "mono"
    body = await heavy.call("transcribe", {"path": str(path), "model": TINY_MODEL}, timeout_s=100)
    return str(body["text"])


@pytest.mark.parametrize("voice", ["slt", "rms"])
async def test_what_the_local_voice_says_is_understood_again(
    heavy: Heavy, tmp_path: Path, voice: str
) -> None:
    body = await heavy.call("speak_here", {"text": WORDS, "voice": voice}, timeout_s=60)
    wrong, of = word_errors(WORDS, await listened(heavy, body["audio"], tmp_path))
    assert wrong <= of * 0.2
    assert 2 < float(str(body["seconds"])) < 8


async def test_every_local_voice_speaks_and_an_unknown_one_is_told(heavy: Heavy) -> None:
    for voice in ("slt", "rms", "awb", "kal16"):
        body = await heavy.call("speak_here", {"text": "Hello.", "voice": voice}, timeout_s=60)
        assert base64.b64decode(str(body["audio"])).startswith(b"OggS")
    for voice in ("../etc", "kal", ""):
        with pytest.raises(UserFacing, match="no such voice"):
            await heavy.call("speak_here", {"text": "Hello.", "voice": voice}, timeout_s=60)


async def test_odd_texts_do_not_break_the_local_voice(heavy: Heavy) -> None:
    for text in ("\0", "…", "日本語", "\u2019\u201c", "x" * 400, "1,234.56 & 5%", "a\n\n\nb"):
        try:
            body = await heavy.call("speak_here", {"text": text, "voice": "slt"}, timeout_s=60)
        except UserFacing:
            continue
        assert float(str(body["seconds"])) >= 0


@pytest.mark.parametrize("output", ["opus", "wav"])
async def test_elevenlabs_speaks_through_its_sdk(
    heavy: Heavy, eleven: Eleven, tmp_path: Path, output: str
) -> None:
    eleven.output = output
    voice = str(VOICES[1]["voice_id"])
    body = await heavy.call("speak", wish(eleven, voice=voice), timeout_s=60)
    wrong, of = word_errors(WORDS, await listened(heavy, body["audio"], tmp_path))
    assert wrong <= of * 0.2
    (asked,) = eleven.spoken
    assert (asked["text"], asked["voice"], asked["model_id"]) == (WORDS, voice, "m")
    assert asked["output_format"] == "opus_48000_32"
    assert set(eleven.keys) == {KEY}


async def test_without_a_chosen_voice_the_first_one_speaks(heavy: Heavy, eleven: Eleven) -> None:
    await heavy.call("speak", wish(eleven), timeout_s=60)
    assert eleven.spoken[0]["voice"] == VOICES[0]["voice_id"]


async def test_the_voices_of_the_account_are_listed(heavy: Heavy, eleven: Eleven) -> None:
    body = await heavy.call("voices", wish(eleven), timeout_s=60)
    assert body["voices"] == [
        {"id": VOICES[0]["voice_id"], "name": "Anna", "about": "german, young"},
        {"id": VOICES[1]["voice_id"], "name": "Brian", "about": "american, young"},
    ]


async def test_refusals_of_elevenlabs_are_sorted_and_never_quote_the_key(
    heavy: Heavy, eleven: Eleven
) -> None:
    for status, detail, kind, told in REFUSALS:
        eleven.failure = (status, detail)
        for job in ("speak", "voices"):
            with pytest.raises(kind, match=told) as caught:
                await heavy.call(job, wish(eleven), timeout_s=60)
            assert KEY not in repr(caught.value)
    eleven.failure = None
    with pytest.raises(UserFacing, match="does not know the chosen voice"):
        await heavy.call("speak", wish(eleven, voice="gone"), timeout_s=60)
    with pytest.raises(UserFacing, match="too short"):
        await heavy.call("speak", wish(eleven, text="", voice=str(VOICES[0]["voice_id"])),
                         timeout_s=60)  # fmt: skip
    with pytest.raises(UserFacing, match="refused the key"):
        await heavy.call("speak", {**wish(eleven), "api_key": "other"}, timeout_s=60)
    await eleven.stop()
    with pytest.raises(Retryable, match="did not answer"):
        await heavy.call("speak", wish(eleven), timeout_s=60)


async def test_a_redirect_does_not_take_the_key_elsewhere(heavy: Heavy, eleven: Eleven) -> None:
    from aiohttp import web

    async def elsewhere(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{eleven.url}{request.path_qs}"})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", elsewhere)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    away = {**wish(eleven), "base_url": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    with pytest.raises(Retryable):
        await heavy.call("speak", away, timeout_s=60)
    await runner.cleanup()
    assert eleven.keys == []

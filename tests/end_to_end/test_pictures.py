"""Pictures both ways: the real serving process, a real model's wire, real containers."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.support.model_server import Body, Reply, call, say, tool_names, tool_results

if TYPE_CHECKING:
    from tests.support.world import World

PLOT = (
    "import struct, zlib\n"
    "def chunk(kind, data):\n"
    "    body = kind + data\n"
    "    return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))\n"
    "for name in ('a.png', 'b.png'):\n"
    "    rows = b''.join(b'\\0' + b'\\x20\\x60\\xa0' * 40 for _ in range(30))\n"
    "    open(name, 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n'\n"
    "        + chunk(b'IHDR', struct.pack('>IIBBBBB', 40, 30, 8, 2, 0, 0, 0))\n"
    "        + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))\n"
)


def a_photo(width: int = 640, height: int = 480, *, color: str = "navy") -> bytes:
    """A JPEG that says where and with what it was taken."""
    exif = Image.Exif()
    exif[0x010F] = "A camera that nobody may know"
    out = io.BytesIO()
    Image.new("RGB", (width, height), color).save(out, "JPEG", exif=exif)
    return out.getvalue()


def images(body: Body) -> list[str]:
    """The data addresses of all pictures in a request."""
    parts: list[dict[str, Any]] = [
        part for m in body["messages"] if isinstance(m["content"], list) for part in m["content"]
    ]
    return [p["image_url"]["url"] for p in parts if p["type"] == "image_url"]


async def with_vision(world: World) -> None:
    world.env["MODEL_COORDINATOR"] = "scripted"
    await world.start(with_executor=False)
    world.says("/config model.vision seeing-model")
    await world.sees("model.vision")


async def test_a_photo_reaches_the_vision_model_small_and_without_its_metadata(
    world: World,
) -> None:
    world.model.script = lambda body: say(f"I see {len(images(body))} by {body['model']}")
    await with_vision(world)
    photo = a_photo(3000, 1500)
    world.telegram.person.send_files([("x.jpg", "image/jpeg", photo)], caption="what is this?")
    await world.sees("I see 1 by seeing-model")
    (shown,) = images(world.model.bodies[-1])
    raw = base64.b64decode(shown.partition("base64,")[2])
    with Image.open(io.BytesIO(raw)) as small:
        assert max(small.size) <= 1568
        assert not small.getexif()
    assert b"camera" not in raw
    world.says("and now without it")
    await world.sees("I see 0 by scripted")
    assert "[photo 1: photo-" in str(world.model.bodies[-1]["messages"])
    world.says("/files")
    assert "received" in (await world.sees("Your files")).text


async def test_an_album_is_one_turn_with_all_its_pictures(world: World) -> None:
    world.model.script = lambda body: say(f"I see {len(images(body))} pictures")
    await with_vision(world)
    colors = ("red", "green", "blue")
    files = [(f"{c}.jpg", "image/jpeg", a_photo(color=c)) for c in colors]
    world.telegram.person.send_files(files, caption="compare these")
    await world.sees("I see 3 pictures")
    assert sum(bool(images(body)) for body in world.model.bodies) == 1


async def test_the_model_may_look_at_an_earlier_photo_again(world: World) -> None:
    def script(body: Body) -> Reply:
        if "again" in str(body["messages"][-1]["content"]):
            return call("look", photo=1)
        return say(f"looked: {len(images(body))}, results: {len(tool_results(body))}")

    world.model.script = script
    await with_vision(world)
    world.telegram.person.send_files([("x.jpg", "image/jpeg", a_photo())], caption="keep it")
    await world.sees("looked: 1")
    assert "look" in tool_names(world.model.bodies[-1])
    world.says("see it again")
    await world.sees("looked: 1, results: 0")


async def test_without_a_vision_model_one_sentence_says_how_to_set_it(world: World) -> None:
    world.model.script = lambda _: say("Noted.")
    await world.start(with_executor=False)
    world.telegram.person.send_files([("x.jpg", "image/jpeg", a_photo())])
    told = await world.sees("/config model.vision")
    assert "No model that sees pictures is set" in told.text
    assert world.model.requests == []
    world.telegram.person.send_files([("x.jpg", "image/jpeg", a_photo())], caption="my cat")
    await world.sees(lambda m: "Noted." in m.text and "/config model.vision" in m.text)
    assert images(world.model.bodies[-1]) == []


async def test_pictures_of_a_task_come_back_as_an_album_and_other_files_whole(
    world: World,
) -> None:
    def script(body: Body) -> Reply:
        results = tool_results(body)
        if "delegate" in tool_names(body):
            return say("On it.") if results else call("delegate", title="plot", instructions="plot")
        if not results:
            return call("shell", command=f'python3 -c "{PLOT}"; echo 1 > data.csv')
        return call("finish", result="Here.", files=["a.png", "data.csv", "b.png"])

    world.model.script = script
    await world.start()
    world.says("plot it")
    first = await world.sees(lambda m: m.text == "#1 a.png")
    second = await world.sees(lambda m: m.text == "#1 b.png")
    data = await world.sees(lambda m: m.text == "#1 data.csv")
    assert None not in {first.photo, second.photo, data.document}
    assert first.album == second.album is not None


async def test_what_is_no_text_becomes_one_line_and_nothing_is_met_with_silence(
    world: World,
) -> None:
    world.model.script = lambda body: say(f"heard: {body['messages'][-1]['content']}")
    await world.start(with_executor=False)
    person = world.telegram.person
    person.send_content("location", {"latitude": 52.52, "longitude": 13.405})
    await world.sees("location: 52.520000, 13.405000")
    person.send_content("contact", {"first_name": "Ada", "phone_number": "+44 1"})
    await world.sees("contact: Ada, +44 1")
    person.send_content("giveaway", {"winner_count": 1})
    await world.sees("I cannot read this kind of message (giveaway)")
    asked = world.says("the plan has three parts")
    await world.sees("heard: the plan has three parts")
    person.send("why this one?", reply_to=asked, quote="three parts")
    await world.sees("quoting their own message: “three parts”")

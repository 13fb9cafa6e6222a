"""One archive of skills and the bot's profile: out of one bot, into another, nothing unseen."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

from skills.bundle import FORMAT
from tests.support.archives import tarred

if TYPE_CHECKING:
    from playground.state import Shown
    from tests.support.world import World

JPEG = b"\xff\xd8\xff\xe0" + bytes(2000)
SKILL = "---\nname: {name}\ndescription: d\npermissions:\n  network: [{host}]\n---\nx\n"


def file_of(world: World, shown: Shown) -> tuple[str, bytes]:
    file = world.telegram.state.files[shown.document or ""]
    return file.name, file.content


def send(world: World, content: bytes) -> None:
    world.telegram.person.send_files([("bundle.tar.gz", "application/gzip", content)])


async def test_skills_and_profile_go_out_and_come_back_on_two_taps(
    world_without_model: World,
) -> None:
    world = world_without_model
    state = world.telegram.state
    state.profile |= {"name": "Ada", "short_description": "keeps books", "description": "Ask me."}
    state.pictures.append(state.store("p.jpg", "image/jpeg", JPEG).file_id)
    folder = world.home / "skills"
    folder.mkdir()
    (folder / "far.md").write_text(SKILL.format(name="far", host="api.example.com"))
    await world.start()
    world.says("/skill export")
    sent = await world.sees(lambda m: m.document is not None)
    assert "the bot's profile" in sent.text
    archive = file_of(world, sent)[1]
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert {"bundle.json", "picture.jpg", "skills/far.md"} <= set(opened.getnames())
    state.profile.clear()
    state.pictures.clear()
    (folder / "far.md").unlink()
    await world.telegram.wait_for(lambda m: m.document is not None)
    send(world, archive)
    card = await world.sees("Install far?")
    assert "may reach api.example.com" in card.text
    assert "• name: Ada\n• about: keeps books\n• description: Ask me." in card.text
    assert state.profile == {}
    world.telegram.person.press(card.id, "Take the profile over")
    await world.sees("The bot has a new name, about, description and picture.")
    assert state.profile["short_description"] == "keeps books"
    assert state.files[state.pictures[0]].content == JPEG
    assert not (folder / "far.md").exists()
    world.telegram.person.press(card.id, "Install")
    await world.sees("Installed: far.")


async def test_every_permission_of_a_large_archive_is_shown_before_the_tap(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start()
    head = json.dumps({"format": FORMAT, "profile": {"name": "x" * 90}}).encode()
    skills = (
        (f"skills/s{n}.md", SKILL.format(name=f"s{n}", host=f"h{n}.example.com").encode())
        for n in range(40)
    )
    send(world, tarred(("bundle.json", head), *skills))
    card = await world.sees("40 skills; what each asks for stands in the file above")
    listed = await world.sees(lambda m: m.document is not None)
    name, content = file_of(world, listed)
    assert name == "permissions.txt"
    assert listed.id < card.id
    assert all(f"may reach h{n}.example.com" in content.decode() for n in range(40))
    assert f"• name: {'x' * 64}\n" in f"{card.text}\n"

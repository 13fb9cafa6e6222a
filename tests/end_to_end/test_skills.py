"""Skills as an owner meets them: real processes, real containers, files dropped into a folder."""

import asyncio
import hashlib
import io
import tarfile
import time

from playground.state import Shown
from tests.support.model_server import Body, Reply, call, say, tool_names, tool_results
from tests.support.world import World

SHELL = """---
name: {name}
description: {what}
command-dispatch: tool
command-tool: shell
{permissions}---

Run what was given.
"""


def skill(name: str, permissions: str = "", what: str = "Runs a command.") -> str:
    return SHELL.format(name=name, permissions=permissions, what=what)


def drop(world: World, name: str, text: str) -> None:
    """As an editor saves a file: written beside, then renamed."""
    folder = world.home / "skills"
    folder.mkdir(exist_ok=True)
    fresh = folder / f".{name}.new"
    fresh.write_text(text)
    fresh.rename(folder / name)


def press(world: World, card: Shown, label: str) -> None:
    world.telegram.person.press(card.id, label)


WRITING = "permissions:\n  tier: L2\n  filesystem:\n    read: ['*.txt']\n    write: ['out/*']\n"


async def test_a_file_that_is_dropped_works_within_a_second(world_without_model: World) -> None:
    world = world_without_model
    await world.start()
    began = time.monotonic()
    drop(world, "hello.md", skill("hello"))
    async with asyncio.timeout(10):
        while "hello" not in {command["command"] for command in menu(world)}:
            await asyncio.sleep(0.02)
    assert time.monotonic() - began < 1
    world.says("/skill hello echo good $((40 + 2))")
    assert "good 42" in (await world.sees("good 42")).text
    world.says("/hello echo by its own name")
    await world.sees("by its own name\n")
    world.says("/skills hello")
    assert "hello · L1 · Runs a command" in (await world.sees("1 skill")).text


def menu(world: World) -> list[dict[str, str]]:
    commands: list[dict[str, str]] = world.telegram.state.commands
    return commands


async def test_a_broken_file_gives_one_card_and_hides_nothing(world_without_model: World) -> None:
    world = world_without_model
    drop(world, "fine.md", skill("fine"))
    drop(world, "broken.md", "---\nname: broken\npermissions:\n  tier: L9\n---\nx\n")
    await world.start()
    card = await world.sees("Some skills cannot be read")
    assert "broken.md:4" in card.text
    world.serve.kill()
    world.serve.start()
    await world.serve.ready()
    world.says("/skill fine echo works")
    await world.sees("works\n")
    assert sum("cannot be read" in text for text in world.chat()) == 1
    world.says("/skill problems")
    async with asyncio.timeout(10):
        while sum("cannot be read" in text for text in world.chat()) < 2:
            await asyncio.sleep(0.02)


async def test_a_skill_that_asks_for_more_waits_until_it_is_allowed(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start()
    (world.home / "workspace" / "a.txt").write_text("in")
    drop(world, "grow.md", skill("grow"))
    await active(world, "grow · L1")
    drop(world, "grow.md", skill("grow", WRITING))
    card = await world.sees("It asks for more than you have allowed")
    assert "• may write files: out/*" in card.text
    world.says("/skill grow echo no")
    again = await world.sees(lambda m: "asks for more" in m.text and m.id != card.id)
    press(world, again, "Allow")
    run = "/skill grow mkdir -p files/out && cp files/a.txt files/out/b.txt"
    await active(world, "grow · L2")
    world.says(run)
    await world.sees("Your files: 1 new")
    assert (world.home / "workspace" / "out" / "b.txt").read_text() == "in"
    drop(world, "grow.md", skill("grow", WRITING, "Says something else."))
    await world.sees("Its text has changed")
    world.says("/skill rollback grow")
    await world.sees("grow.md is as it was")
    await active(world, "grow · L2")


async def active(world: World, line: str) -> None:
    """Asks until the list says so: a decision counts within a second."""
    async with asyncio.timeout(10):
        while True:
            before = len(world.chat())
            world.says(f"/skills {line.split()[0]}")
            while len(world.chat()) == before:
                await asyncio.sleep(0.02)
            if any(line in text for text in world.chat()[before:]):
                return


async def test_a_skill_in_a_document_is_shown_and_installed(world_without_model: World) -> None:
    world = world_without_model
    await world.start()
    text = skill("sent", "permissions:\n  tier: L2\n  network: [api.example.com]\n")
    world.telegram.person.send_files([("anything.md", "text/markdown", text.encode())])
    card = await world.sees("Install sent?")
    assert "may reach api.example.com, with every method" in card.text
    assert not (world.home / "skills" / "sent.md").exists()
    press(world, card, "Install")
    await world.sees("Installed: sent.")
    assert (world.home / "skills" / "sent.md").read_text() == text
    waiting = await world.sees(
        lambda m: m.text.startswith("Skill sent") and "asks for more" in m.text
    )
    press(world, waiting, "Allow")
    await active(world, "sent · L2")
    world.says("/skill history sent")
    assert "installed sent" in (await world.sees("Go back: /skill rollback")).text
    world.says("/skill export")
    sent = await world.sees(lambda m: m.document is not None)
    archive = world.telegram.state.files[sent.document or ""].content
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert "skills/sent.md" in opened.getnames()


async def test_a_skill_that_is_turned_off_loses_its_tasks(world_without_model: World) -> None:
    world = world_without_model
    await world.start()
    drop(world, "long.md", skill("long"))
    await active(world, "long · L1")
    world.says("/skill long sleep 100")
    await world.sees(lambda m: m.text.startswith("#1 working"))
    world.says("/skill disable long")
    await world.sees("long is off. 1 of its tasks are being stopped.")
    await world.sees("#1 cancelled")
    world.says("/skill long echo x")
    await world.sees("The skill long is off.")


CSV = b"Region,Amount\nNorth,10.50\nSouth,20.25\nNorth,9.50\n"
NOTES = b"Decision: we move in May\n- [ ] @eva send the draft by Friday\nQuestion: who pays?\n"
SHIPPED = {
    "csv-report": (
        {"sales.csv": CSV},
        "python3 {base}/scripts/report.py files/sales.csv --out report; cat report/report.md",
        "20", ["report/report.md"],
    ),
    "meeting-notes": (
        {"notes.md": NOTES},
        "python3 {base}/scripts/actions.py files/notes.md --date 2026-03-02", "eva", [],
    ),
    "document-compare": (
        {"old.md": b"We pay 10 euros.\n", "new.md": b"We pay 20 euros.\n"},
        "python3 {base}/scripts/compare.py files/old.md files/new.md", "{+20+}", [],
    ),
}  # fmt: skip


async def test_shipped_skills_work_in_a_container_when_the_coordinator_chooses_them(
    world: World,
) -> None:
    done: dict[str, str] = {}

    def script(body: Body) -> Reply:
        results = tool_results(body)
        if "delegate" in tool_names(body):
            if results:
                return say("Started.")
            wanted = body["messages"][-1]["content"].split()[-1]
            return call("delegate", title="t", instructions="do it", skill=wanted)
        told = body["messages"][1]["content"]
        name = next(n for n in SHIPPED if f"Follow the skill {n}." in told)
        assert "/run/agentai/skill/scripts/" in told
        _, command, _, files = SHIPPED[name]
        if not results:
            return call("shell", command=command.format(base="/run/agentai/skill"))
        done[name] = results[0]
        return call("finish", result=f"finished {name}", files=files)

    world.model.script = script
    workspace = world.home / "workspace"
    workspace.mkdir(exist_ok=True)
    for files, *_ in SHIPPED.values():
        for name, content in files.items():
            (workspace / name).write_bytes(content)
    await world.start()
    for name, (_, _, wanted, _) in SHIPPED.items():
        world.says(f"please use {name}")
        await world.sees(f"finished {name}")
        assert wanted in done[name], done[name]
    card = await world.sees(lambda m: m.document is not None)
    assert card.document
    assert "csv-report" in world.model.bodies[0]["messages"][0]["content"]


async def test_a_skills_files_are_read_only_in_its_container(world_without_model: World) -> None:
    world = world_without_model
    folder = world.home / "skills" / "tools"
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text(skill("tools"))
    (folder / "scripts" / "run.py").write_text("print('ran', 6 * 7)\n")
    await world.start()
    base = "/run/agentai/skill/scripts"
    world.says(
        f"/skill tools python3 {base}/run.py; echo x > {base}/run.py; rm {base}/run.py; ls {base}"
    )
    result = await world.sees("ran 42")
    assert result.text.count("Read-only file system") == 2
    digest = hashlib.sha256(b"print('ran', 6 * 7)\n").hexdigest()
    kept = world.home / "skill_cargo" / digest
    kept.chmod(0o600)
    kept.write_text("print('swapped')\n")
    world.says(f"/skill tools python3 {base}/run.py")
    await world.sees("is not what it was")
    assert not any("swapped" in text for text in world.chat())


async def test_a_skill_that_is_not_to_be_called_says_so_and_has_no_command(
    world_without_model: World,
) -> None:
    world = world_without_model
    await world.start(with_executor=False)
    drop(world, "inner.md", skill("inner", "user-invocable: false\n"))
    drop(world, "outer.md", skill("outer"))
    async with asyncio.timeout(10):
        while "outer" not in {command["command"] for command in menu(world)}:
            await asyncio.sleep(0.02)
    assert "inner" not in {command["command"] for command in menu(world)}
    world.says("/skill inner echo 1")
    await world.sees("inner is not to be called: its file says `user-invocable: false`.")
    world.says("/inner echo 1")
    await world.sees("I don't know /inner.")
    world.says("/status")
    await world.sees("Nothing is running.")

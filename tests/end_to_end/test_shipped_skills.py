"""Every shipped skill does its work in a real container, on files and sites of the test.

The model is a stand-in that follows the skill's text: it runs the commands that the text names, and
answers from what they printed. So a test sees that the right files are read, that the scripts run
in the container, and that what they made reaches the chat.
"""

from __future__ import annotations

import asyncio
import subprocess
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.support.model_server import Body, Reply, call, say, tool_names, tool_results
from tests.support.skill_sites import Sites

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from playground.state import Shown
    from tests.support.world import World

BASE = "/run/agentai/skill"
NEWS, OTHER, CODE = "news.example.com", "facts.example.org", "github.com"


@dataclass
class StandIn:
    """A model that follows one skill: these commands in turn, then this answer with these files."""

    skill: str
    commands: list[str]
    answer: Callable[[list[str]], str]
    files: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    told: str = ""

    def __call__(self, body: Body) -> Reply:
        results = tool_results(body)
        if "delegate" in tool_names(body):
            if results:
                return say("Started.")
            words = body["messages"][-1]["content"]
            return call("delegate", title=self.skill, instructions=words, skill=self.skill)
        self.told = str(body["messages"][1]["content"])
        if len(results) < len(self.commands):
            return call("shell", command=self.commands[len(results)])
        self.printed = results
        return call("finish", result=self.answer(results), files=self.files)


async def worked(world: World, stand_in: StandIn, words: str, end: str) -> Shown:
    """The owner says `words`; the message that ends the skill's task."""
    world.model.script = stand_in
    world.says(words)
    try:
        shown = await world.sees(end, 60)
    except AssertionError as error:
        raise AssertionError(f"{error}\nit printed: {stand_in.printed}") from error
    assert f"Follow the skill {stand_in.skill}." in stand_in.told
    return shown


def put(world: World, name: str, content: str | bytes) -> Path:
    path = world.home / "workspace" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sent(world: World, name: str) -> bytes | None:
    """The newest file or picture of that name that the bot sent."""
    state = world.telegram.state
    ids = [m.document or m.photo for m in world.telegram.bot_messages() if m.document or m.photo]
    found = [state.files[i or ""] for i in ids]
    return next((f.content for f in reversed(found) if f.name.endswith(name)), None)


async def comes(world: World, name: str) -> bytes:
    async with asyncio.timeout(20):
        while (content := sent(world, name)) is None:
            await asyncio.sleep(0.05)
    return content


@pytest.fixture
async def sites(tmp_path: Path, world: World) -> AsyncIterator[Sites]:
    made = Sites(tmp_path / "sites", NEWS, OTHER, CODE)
    await made.start()
    world.env |= made.environment()
    yield made
    await made.stop()


SALES = (
    "Date,Region,Amount\n2026-03-01,North,10.50\n2026-03-02,South,20.25\n2026-03-03,North,9.50\n"
)


async def test_a_table_becomes_a_report_with_charts_in_the_chat(world: World) -> None:
    put(world, "sales.csv", SALES)
    stand_in = StandIn(
        "csv-report",
        ["head -5 files/sales.csv",
         f"python3 {BASE}/scripts/report.py files/sales.csv --out report; cat report/report.md"],
        lambda printed: f"North and South are equal: {'- North: 20' in printed[1]}",
        ["report/by-group.png", "report/over-time.png", "report/report.md"],
    )  # fmt: skip
    await world.start()
    await worked(world, stand_in, "make a report of sales.csv", "North and South are equal: True")
    for name in ("by-group.png", "over-time.png"):
        picture = await comes(world, name)
        assert picture.startswith(b"\x89PNG")
        assert int.from_bytes(picture[16:20], "big") == 2000  # drawn by the container's program
    assert b"| Amount | number | 3 | 40.25 |" in await comes(world, "report.md")
    assert not (world.home / "workspace" / "report").exists()


PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R
/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj
4 0 obj<</Length 51>>stream
BT /F1 12 Tf 20 100 Td (We pay 20 euros.) Tj ET
   \nendstream endobj
trailer<</Root 1 0 R>>
"""


async def test_documents_of_two_formats_are_read_and_compared(world: World, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "old.docx", "w") as book:
        ns = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        text = "<w:p><w:r><w:t>We pay 10 </w:t></w:r><w:r><w:t>euros.</w:t></w:r></w:p>"
        body = f'<w:document xmlns:w="{ns}"><w:body>{text}</w:body></w:document>'
        book.writestr("word/document.xml", body)
    put(world, "old.docx", (tmp_path / "old.docx").read_bytes())
    put(world, "new.pdf", PDF)
    stand_in = StandIn(
        "document-compare",
        [f"python3 {BASE}/scripts/text.py files/new.pdf",
         f"python3 {BASE}/scripts/compare.py files/old.docx files/new.pdf"],
        lambda printed: f"The amount changed: {'We pay [-10-]{+20+} euros.' in printed[1]}",
    )  # fmt: skip
    await world.start()
    await worked(world, stand_in, "compare old.docx and new.pdf", "The amount changed: True")
    assert "We pay 20 euros." in stand_in.printed[0]


NOTES = "2026-03-02\n9:00-12:30 Acme: drawings\n12:00-13:00 Acme: call\n2h30 Garden club: letter\n"


async def test_notes_of_work_become_a_timesheet(world: World) -> None:
    put(world, "notes.md", NOTES)
    stand_in = StandIn(
        "timesheet",
        [f"python3 {BASE}/scripts/timesheet.py files/notes.md --from 2026-03-01 --to 2026-03-31"
         " --out timesheet"],
        lambda printed: f"7 hours in all: {'Total: 7.00 h' in printed[0]}",
        ["timesheet/timesheet.csv", "timesheet/timesheet.md"],
    )  # fmt: skip
    await world.start()
    await worked(world, stand_in, "make my timesheet for March", "7 hours in all: True")
    assert "line 2 and line 3 overlap" in stand_in.printed[0]
    assert b"2026-03-02,09:00,3.50,Acme,drawings" in await comes(world, "timesheet.csv")
    assert b"| Garden club | 2.50 |" in await comes(world, "timesheet.md")


MEETING = "Decision: we move in May\n- [ ] @eva send the draft by Friday\nQuestion: who pays?\n"


async def test_notes_of_a_meeting_become_actions_with_dates(world: World) -> None:
    put(world, "meeting.md", MEETING)
    stand_in = StandIn(
        "meeting-notes",
        [f"python3 {BASE}/scripts/actions.py files/meeting.md --date 2026-03-02"],
        lambda printed: "\n".join(line for line in printed[0].splitlines() if "|" in line),
    )
    await world.start()
    shown = await worked(world, stand_in, "what came of meeting.md", "2026-03-06")
    assert "eva" in shown.text
    assert "send the draft" in shown.text
    assert "we move in May" in stand_in.printed[0]


async def test_a_question_is_answered_from_pages_that_were_read(world: World, sites: Sites) -> None:
    sites.pages[f"{NEWS}/heat"] = (
        "<title>Heat record</title><nav>skip me</nav><h1>Record</h1><p>It was 41.2 degrees.</p>"
        f'<p>Source: <a href="https://{OTHER}/data">data</a></p>'
    )
    sites.pages[f"{OTHER}/data"] = "<title>Data</title><table><tr><td>41.2</td></tr></table>"
    page = f"python3 {BASE}/scripts/page.py"
    stand_in = StandIn(
        "web-research",
        [f"{page} https://{NEWS}/heat --links", f"{page} https://{OTHER}/data",
         f"{page} https://{NEWS}/gone"],
        lambda p: f"It was 41.2 degrees [1][2]: {all('41.2' in one for one in p[:2])}\n"
        f"1. Heat record, https://{NEWS}/heat\n2. Data, https://{OTHER}/data",
    )  # fmt: skip
    await world.start()
    words = f"research how hot it was; begin with https://{NEWS}/heat and https://{OTHER}/data"
    shown = await worked(world, stand_in, words, "It was 41.2 degrees [1][2]: True")
    assert f"https://{OTHER}/data" in shown.text
    assert f"- data: https://{OTHER}/data" in stand_in.printed[0]
    assert "skip me" not in stand_in.printed[0]
    assert "cannot be read" in stand_in.printed[2]
    assert {r["method"] for r in sites.requests} == {"GET"}


async def test_a_page_that_changed_is_told_and_one_that_did_not_is_not(
    world: World, sites: Sites
) -> None:
    sites.pages[f"{NEWS}/jobs"] = "<p>Open places: gardener</p><p>Visitors: 17</p>"
    watch = f"python3 {BASE}/scripts/watch.py https://{NEWS}/jobs files/website-watch"
    stand_in = StandIn("website-watch", [watch], lambda printed: f"look: {printed[0]}")
    await world.start()
    world.says("/skill website-watch")
    card = await world.sees("write files: website-watch/*")
    world.telegram.person.press(card.id, "Allow all of it")
    await allowed(world)
    words = f"watch https://{NEWS}/jobs"
    await worked(world, stand_in, words, '"first": true')
    kept = list((world.home / "workspace" / "website-watch").iterdir())
    assert len(kept) == 1
    sites.pages[f"{NEWS}/jobs"] = "<p>Open places: gardener</p><p>Visitors: 18</p>"
    await worked(world, stand_in, words, '"changed": false')
    sites.pages[f"{NEWS}/jobs"] = "<p>Open places: gardener</p><p>Open places: cook</p>"
    world.model.script = stand_in
    world.says(words)
    await world.sees("Open places: cook", 60)


async def allowed(world: World) -> None:
    """A decision counts within a second."""
    async with asyncio.timeout(10):
        while not any("website-watch · L2 ·" in text for text in world.chat()):
            before = len(world.chat())
            world.says("/skills website-watch")
            while len(world.chat()) == before:
                await asyncio.sleep(0.02)


def repository(folder: Path) -> Path:
    """A bare repository with one commit, and a line that looks like a key."""
    work, bare = folder / "work", folder / "bare.git"
    work.mkdir(parents=True)
    (work / "app.py").write_text(f"KEY = 'AKIA{'Q' * 16}'\n# TODO: tests\n")
    who = ("user.name=Eva", "user.email=e@example.com", "init.defaultBranch=main")
    git = ["git", *(part for one in who for part in ("-c", one))]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first light"]):
        subprocess.run([*git, *command], cwd=work, check=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, bare], check=True)
    subprocess.run(["git", "config", "uploadpack.allowFilter", "true"], cwd=bare, check=True)
    return bare


async def test_a_repository_is_copied_from_its_host_and_checked(
    world: World, sites: Sites, tmp_path: Path
) -> None:
    sites.repositories[f"{CODE}/eva/app"] = repository(tmp_path / "git")
    address = f"https://{CODE}/eva/app"
    stand_in = StandIn(
        "git-checkup",
        [f"git clone -q --filter=blob:none {address} repo && "
         f"python3 {BASE}/scripts/checkup.py repo"],
        lambda printed: f"A key in app.py:1: {'- app.py:1' in printed[0]}",
    )  # fmt: skip
    await world.start()
    await worked(world, stand_in, f"how does {address} stand?", "A key in app.py:1: True")
    report = stand_in.printed[0]
    assert "- Eva: 1 commits" in report
    assert "TODOs: 1" in report
    assert "AKIA" not in report

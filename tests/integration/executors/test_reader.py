"""The reader in its real container: every kind of document, and every kind of bad one.

A parser that never ends or eats memory is a module of that name in front of the real one.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator.knowledge.reading import PAGES, RUN, QuietReader, reason_in
from coordinator.quiet import Ended, QuietTasks
from core.errors import UserFacing
from core.tasks import NewTask, TaskFile
from executors.reader.reasons import BOMB, BROKEN, EMPTY, ENCRYPTED, NO_MEMORY, NO_TEXT, TOO_LONG
from tests.integration.executors.test_host import Bench, a_bench
from tests.support import papers

WITHIN_S = 120.0
TEXT = "The notice period is three months, counted from the end of a quarter."
CODE = b"def notice_period() -> int:\n    return 3\n"


@pytest.fixture
async def bench(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str, reader_image: str
) -> AsyncIterator[Bench]:
    assert executor_image
    assert reader_image
    async with a_bench(tmp_path, database_url, redis_url) as made:
        made.executor.start()
        await made.executor.ready()
        yield made


def quiet_of(bench: Bench) -> QuietTasks:
    return QuietTasks(database=bench.database, tasks=bench.tasks, bus=bench.bus)


async def lines(bench: Bench, name: str, content: bytes) -> list[dict[str, object]]:
    """What the product's reader makes of a file."""
    source = bench.home / name
    source.write_bytes(content)
    pages = await QuietReader(quiet_of(bench)).read(source, name)
    return [json.loads(line) for line in pages.read_text(encoding="utf-8").splitlines()]


async def test_a_pdf_is_read_by_kreuzberg_page_by_page(bench: Bench) -> None:
    content = papers.pdf([["Lease", TEXT], ["Rent", "The rent is five hundred."]])
    found = await lines(bench, "lease.pdf", content)
    assert [(line["page"], line["by"]) for line in found] == [(1, "kreuzberg"), (2, "kreuzberg")]
    assert "three months" in str(found[0]["text"])
    assert "five hundred" in str(found[1]["text"])


async def test_office_files_books_and_pages_are_read_with_their_headings(bench: Bench) -> None:
    (word,) = await lines(bench, "lease.docx", papers.docx("Notice", TEXT))
    assert "# Notice" in str(word["text"])
    assert TEXT in str(word["text"])
    slides = await lines(bench, "lease.pptx", papers.pptx([("One", "first"), ("Notice", TEXT)]))
    assert [line["page"] for line in slides] == [1, 2]
    assert "Notice" in str(slides[1]["text"])
    assert TEXT in str(slides[1]["text"])
    (sheet,) = await lines(bench, "rent.xlsx", papers.xlsx([["Year", "Rent"], ["2025", TEXT]]))
    assert TEXT in str(sheet["text"])
    book = papers.epub("Leases", [("Beginning", "It begins."), ("Notice", TEXT)])
    whole = "\n".join(str(line["text"]) for line in await lines(bench, "book.epub", book))
    assert "# Notice" in whole
    assert TEXT in whole
    (page,) = await lines(bench, "page.html", papers.html("Notice", TEXT))
    assert "# Notice" in str(page["text"])
    assert TEXT in str(page["text"])


async def test_plain_text_is_kept_as_it_is(bench: Bench) -> None:
    for name in ("a.md", "a.txt"):
        (line,) = await lines(bench, name, f"# Notice\n\n{TEXT}\n".encode())
        assert line["text"] == f"# Notice\n\n{TEXT}\n"
    (code,) = await lines(bench, "a.py", CODE)
    assert code["text"] == CODE.decode()


BAD = {
    "locked.pdf": (papers.pdf([[TEXT]], password="secret"), ENCRYPTED),
    "empty.docx": (b"", EMPTY),
    "broken.docx": (papers.docx("a", TEXT)[:300], BROKEN),
    "broken.pdf": (papers.pdf([[TEXT]])[:200], BROKEN),
    "scan.pdf": (papers.pdf([[""]]), NO_TEXT),
    "bomb.docx": (papers.bomb(), BOMB),
}


async def test_each_kind_of_bad_file_gets_one_clear_sentence(bench: Bench) -> None:
    told = {}
    for name, (content, _) in BAD.items():
        with pytest.raises(UserFacing) as caught:
            await lines(bench, name, content)
        told[name] = caught.value.text
    assert told == {name: reason for name, (_, reason) in BAD.items()}


async def run(bench: Bench, parser: str, *, cpu_s: int) -> Ended:
    """The reader with a parser of the test's own, and less patience."""
    files = []
    for name, content in (("kreuzberg.py", parser.encode()), ("a.docx", papers.docx("a", TEXT))):
        (bench.home / name).write_bytes(content)
        files.append(TaskFile(name=name, path=str(bench.home / name)))
    patient = (
        f"from executors.reader import __main__ as r; r.CPU_S = {cpu_s}; "
        f"raise SystemExit(r.main(['a.docx', 'out/{PAGES}']))"
    )
    command = RUN.replace("PYTHONPATH=", "PYTHONPATH=$PWD:").replace(
        "-m executors.reader", f'-c "{patient}"'
    )
    new = NewTask(
        kind="shell", title="read", instructions=command, chat_id=0, files=tuple(files),
        box="reader", is_quiet=True, origin="owner",
    )  # fmt: skip
    return await quiet_of(bench).run(new, timeout_s=WITHIN_S)


async def test_a_parser_that_never_ends_is_ended(bench: Bench) -> None:
    ended = await run(bench, "while True: pass\n", cpu_s=1)
    assert reason_in(ended.output) == TOO_LONG


async def test_a_parser_that_eats_memory_is_ended(bench: Bench) -> None:
    greedy = "held = []\nwhile True: held.append(bytearray(b'x') * 50_000_000)\n"
    ended = await run(bench, greedy, cpu_s=60)
    assert reason_in(ended.output) == NO_MEMORY

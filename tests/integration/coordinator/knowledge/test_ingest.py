from __future__ import annotations

import asyncio
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from coordinator.knowledge.arrivals import Arrivals
from coordinator.knowledge.index import Index
from coordinator.knowledge.ingest import BROKE_OFF, Ingest
from coordinator.knowledge.search import Search
from coordinator.knowledge.store import NewDocument, Store
from coordinator.knowledge.terms import terms_of, weights_of
from core.db import Database
from core.errors import Retryable, UserFacing
from core.migrate import migrate
from core.wake import Wake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SIDE = 8


@dataclass
class Embedded:
    model: str
    vectors: list[list[float]]


@dataclass
class Embedder:
    """Says which of a few words a text holds; away when told so."""

    name: str = "first"
    is_away: bool = False
    asked: int = 0
    gone: tuple[str, ...] = ()

    async def embed(self, texts, *, kind):
        if self.is_away:
            raise Retryable("away", 0.1)
        self.asked += len(texts)
        return Embedded(self.name, [self._one(text) for text in texts])

    async def embed_by(self, model, texts, *, kind):
        if self.is_away or model in self.gone:
            raise Retryable("away", 0.1)
        return Embedded(model, [self._one(text) for text in texts])

    def _one(self, text: str) -> list[float]:
        vector = [0.01] * SIDE
        for word in text.lower().split():
            vector[hashlib.sha256(word.encode()).digest()[0] % SIDE] += 1.0
        length = sum(n * n for n in vector) ** 0.5
        return [n / length for n in vector]


@dataclass
class Reader:
    """Gives each text file back as one page; stuck, away or refusing when told so."""

    folder: Path
    refusal: str = ""
    is_away: bool = False
    hold: asyncio.Event | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, path: Path, name: str) -> Path:
        self.began.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.refusal:
            raise UserFacing(self.refusal)
        if self.is_away:
            raise Retryable("away", 0.1)
        target = self.folder / "pages.jsonl"
        target.write_text(json.dumps({"text": path.read_text(), "page": 1}) + "\n")  # noqa: ASYNC240 - tiny
        return target


@dataclass
class Notices:
    told: list[str] = field(default_factory=list)

    async def say(self, session, chat_id, text):
        self.told.append(text)

    async def show(self, session, chat_id, text, *, card):
        self.told.append(text)
        return 1

    def wake(self):
        return


class Pause(Wake):
    """Tells when the lane has done its step and waits."""

    def __init__(self, every_s: float) -> None:
        super().__init__(every_s)
        self.is_reached = asyncio.Event()

    async def wait(self) -> None:
        self.is_reached.set()
        await super().wait()


class Base:
    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.store, self.index = Store(database), Index(database)
        self.embedder, self.reader, self.notices = Embedder(), Reader(folder), Notices()
        self.search = Search(self.index, self.embedder)
        self.ingest = self.new_ingest()
        self.arrivals = Arrivals(
            database=database, store=self.store, notices=self.notices, kept=folder / "kept",
            folder=folder / "docs", on_news=self.ingest.wake,
        )  # fmt: skip

    def new_ingest(self) -> Ingest:
        ingest = Ingest(
            database=self.database, store=self.store, reader=self.reader, embedder=self.embedder,
            notices=self.notices,
        )  # fmt: skip
        ingest._to_embed = Pause(60.0)
        return ingest

    async def add(self, name: str, text: str) -> None:
        path = self.folder / hashlib.sha256(text.encode()).hexdigest()[:8]
        path.write_text(text)
        new = NewDocument(name=name, digest=path.name, path=str(path), size=len(text),
                          source="chat", chat_id=5)  # fmt: skip
        async with self.database.transaction() as session:
            await self.store.add(session, new)

    async def read(self) -> None:
        while (document := await self.store.take()) is not None:
            await self.ingest._read(document)

    async def embed(self) -> None:
        """One whole step, up to its pause: what it tidies at the end is tidied, too."""
        pause = self.ingest._to_embed
        assert isinstance(pause, Pause)
        pause.is_reached.clear()
        step = asyncio.ensure_future(self.ingest.embed_step())  # noqa: TID251 - one step, then its pause
        reached = asyncio.ensure_future(pause.is_reached.wait())  # noqa: TID251 - it is awaited below
        ended, _ = await asyncio.wait((step, reached), timeout=30, return_when="FIRST_COMPLETED")
        assert ended
        if step.done():
            step.result()
        for one in (step, reached):
            one.cancel()
        await asyncio.gather(step, reached, return_exceptions=True)

    async def state(self) -> str:
        return ",".join(str(d.state) for d in await self.store.documents())

    async def texts(self, question: str) -> list[str]:
        return [p.text for p in await self.search.find(question)]


@pytest.fixture
async def base(database_url: str, tmp_path: Path) -> AsyncIterator[Base]:
    database = await Database.connect(database_url)
    await migrate(database)
    yield Base(database, tmp_path)
    await database.close()


async def test_a_document_answers_by_its_words_before_there_are_vectors(base):
    base.embedder.is_away = True
    await base.add("lease.md", "# Lease\n\nThe notice period is three months.")
    await base.read()
    assert await base.state() == "embedding"
    (found,) = await base.search.find("notice period")
    assert found.place == "lease.md, p. 1"
    with pytest.raises(Retryable):
        await base.ingest.embed_step()


async def test_a_document_is_ready_once_every_chunk_has_a_vector(base):
    await base.add("lease.md", "The notice period is three months.")
    await base.read()
    await base.embed()
    assert await base.state() == "ready"
    near = await base.index.by_vector(base.embedder._one("three months"), model="first", limit=3)
    assert len(near) == 1


async def test_the_old_document_answers_until_the_new_one_can(base):
    await base.add("lease.md", "The rent is five hundred.")
    await base.read()
    await base.add("lease.md", "The rent is six hundred.")
    assert await base.texts("rent") == ["The rent is five hundred."]
    await base.read()
    assert await base.texts("rent") == ["The rent is six hundred."]
    assert len(await base.store.documents()) == 1


async def test_a_new_version_that_cannot_be_read_leaves_the_old_one(base):
    await base.add("lease.md", "The rent is five hundred.")
    await base.read()
    await base.add("lease.md", "broken")
    base.reader.refusal = "It is damaged."
    await base.read()
    assert await base.texts("rent") == ["The rent is five hundred."]
    assert any("It is damaged." in text for text in base.notices.told)


async def test_the_same_file_again_changes_nothing(base):
    await base.add("a.md", "words")
    await base.read()
    await base.add("a.md", "words")
    assert await base.store.take() is None


async def test_a_document_whose_reading_was_killed_is_read_again_and_not_doubled(base):
    await base.add("a.md", "one two three")
    await base.store.take()  # the process that took it is gone
    await base.read()
    assert await base.texts("two") == ["one two three"]


async def test_a_document_that_kills_its_reader_each_time_is_given_up(base):
    await base.add("a.md", "one two three")
    for _ in range(3):
        await base.store.take()
    await base.read()
    (document,) = await base.store.documents()
    assert document.error == BROKE_OFF


async def test_a_cancelled_reading_leaves_nothing_half_done(base):
    await base.add("a.md", "one two three")
    base.reader.hold = asyncio.Event()
    work = asyncio.ensure_future(base.ingest.read_step())  # noqa: TID251 - cancelled below
    await base.reader.began.wait()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    base.reader.hold = None
    await base.read()
    assert await base.texts("two") == ["one two three"]


async def test_waiting_for_a_reader_does_not_count_as_a_try(base):
    await base.add("a.md", "one two three")
    base.reader.is_away = True
    taken = await base.store.take()
    await base.store.put_back(taken, 0.0)
    again = await base.store.take()
    assert again.taken == taken.taken


async def test_another_model_embeds_all_again_and_both_can_be_read_meanwhile(base):
    await base.add("a.md", "one two three")
    await base.read()
    await base.embed()
    base.embedder.name = "second"
    await base.store.use_model("second")
    vector = base.embedder._one("two")
    assert await base.index.by_vector(vector, model="first", limit=3)
    assert await base.texts("two") == ["one two three"]
    await base.embed()
    assert await base.index.by_vector(vector, model="second", limit=3)
    assert not await base.index.by_vector(vector, model="first", limit=3)


async def test_many_vectors_are_chosen_by_their_signs_and_compared_in_full(base):
    base.store = Store(base.database, center_from=1)
    await base.add("a.md", "one two three")
    await base.add("b.md", "four five six")
    await base.read()
    await base.embed()
    await base.store.tidy(await base.store.use_model("first"))
    found = await base.index.by_vector(base.embedder._one("four five six"), model="first", limit=2)
    (first, *_) = await base.index.passages({one.id: one.score for one in found})
    assert first.text == "four five six"


async def test_removing_a_document_removes_all_that_was_made_of_it(base):
    await base.add("a.md", "one two three")
    await base.read()
    await base.embed()
    async with base.database.transaction() as session:
        await base.store.remove(session, "a.md")
    assert await base.texts("two") == []
    for table in ("knowledge_chunks", "knowledge_postings", "knowledge_vectors"):
        assert await base.database.fetchval(f"select count(*) from {table}") == 0


async def test_a_file_in_the_folder_is_taken_once_and_again_when_it_changes(base):
    base.arrivals.folder_every_s = 0.0
    folder = base.folder / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("The rent is five hundred.")
    (folder / "b.exe").write_text("x")
    for _ in range(4):
        await base.arrivals.folder_step()
    await base.read()
    assert [d.name for d in await base.store.documents()] == ["a.md"]
    (folder / "a.md").write_text("The rent is six hundred pounds.")
    for _ in range(3):
        await base.arrivals.folder_step()
    await base.read()
    assert await base.texts("rent") == ["The rent is six hundred pounds."]
    async with base.database.transaction() as session:
        await base.store.remove(session, "a.md")
    again = Arrivals(
        database=base.database, store=base.store, notices=base.notices, kept=base.folder / "kept",
        folder=folder, on_news=lambda: None,
    )  # fmt: skip
    again.folder_every_s = 0.0
    for _ in range(3):
        await again.folder_step()
    assert await base.store.documents() == []


COUNTS = {"rare": 1, "some": 3, "usual": 5}
CASES = [
    ("all within the bound", 9, {"rare", "some", "usual"}),
    ("the most usual is left out", 8, {"rare", "some"}),
    ("only the rarest", 3, {"rare"}),
    ("one at least", 0, {"rare"}),
]


@pytest.mark.parametrize(("cap", "wanted"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_the_rarest_words_choose_within_the_bound(base, cap, wanted):
    for number in range(6):
        words = [word for word, count in COUNTS.items() if number < count]
        await base.add(f"{number}.md", " ".join([*words, "more"]))
    await base.read()
    index = Index(base.database, work=cap)
    found, worth = await index.by_words(terms_of(" ".join(COUNTS)), limit=10)
    stems = {word: terms_of(word)[0] for word in COUNTS}
    assert len(found) == max(COUNTS[word] for word in wanted)
    assert found[0].score == pytest.approx(
        sum(worth[stems[word]] * weights_of([*"abcd"])["a"] for word in wanted)
    )


async def test_a_word_counts_by_how_few_chunks_hold_it(base):
    for number in range(6):
        await base.add(f"{number}.md", "rare usual" if number == 0 else "usual")
    await base.read()
    _, worth = await base.index.by_words(["rar", "usual", "nowhere"], limit=10)
    assert worth == {
        "rar": pytest.approx(math.log(1 + 5.5 / 1.5)),
        "usual": pytest.approx(math.log(1 + 0.5 / 6.5)),
    }


async def test_a_search_says_that_postgres_is_away_as_it_is(base):
    await base.add("a.md", "one two three")
    await base.read()
    await base.database.close()
    with pytest.raises(Retryable):
        await base.search.find("two")


async def test_a_former_model_that_comes_back_is_found_again(base):
    base.store = Store(base.database, center_from=1)
    await base.add("a.md", "one two three")
    await base.read()
    vector = base.embedder._one("two")
    for name in ("first", "second", "first"):
        base.embedder.name = name
        await base.store.use_model(name)
        await base.embed()
        await base.store.tidy(await base.store.use_model(name))
        assert len(await base.index.by_vector(vector, model=name, limit=3)) == 1


LONG_TEXT = "\n\n".join(f"# Part {n}\n\n{'words of it ' * 150}" for n in range(80))


async def test_a_long_document_shows_how_far_it_is_in_one_message(base):
    await base.add("book.md", LONG_TEXT)
    await base.read()
    await base.embed()
    told = base.notices.told
    assert told[0].startswith("book.md: read")
    assert [text for text in told if text.endswith("% done.")] == told[1:-1]
    assert len(told) > 5
    assert told[-1] == "book.md is ready."


async def test_a_long_document_whose_last_step_was_killed_is_told_to_be_ready(base):
    await base.add("book.md", LONG_TEXT)
    await base.read()
    model = await base.store.use_model("first")
    while batch := await base.store.unembedded(100):
        vectors = [base.embedder._one(chunk.text) for chunk in batch]
        await base.store.keep_vectors(model, [chunk.id for chunk in batch], vectors)
    base.ingest = base.new_ingest()  # the process is gone here, and starts anew
    await base.embed()
    assert base.notices.told[-1] == "book.md is ready."
    assert await base.state() == "ready"


async def test_while_the_embedder_is_away_words_answer_and_the_vectors_come_later(base):
    base.embedder.is_away = True
    await base.add("a.md", "one two three")
    await base.read()
    assert await base.texts("two") == ["one two three"]
    base.embedder.is_away = False
    await base.embed()
    assert await base.state() == "ready"
    assert await base.index.by_vector(base.embedder._one("two"), model="first", limit=1)


async def test_the_former_models_vectors_are_searched_until_all_are_new(base):
    await base.add("a.md", "one two three")
    await base.add("b.md", "four five six")
    await base.read()
    await base.embed()
    base.embedder.name = "second"
    model = await base.store.use_model("second")
    near = await base.search._by_meaning("four five six")
    assert [one.score for one in near] == [1.0, 0.0]
    (first, *_) = await base.store.unembedded(1)
    await base.store.keep_vectors(model, [first.id], [base.embedder._one(first.text)])
    near = await base.search._by_meaning("four five six")
    assert (await base.index.passages({near[0].id: 1.0}))[0].text == "four five six"
    base.embedder.gone = ("first",)
    assert len(await base.search._by_meaning("four five six")) == 1


async def test_a_model_that_comes_back_embeds_only_what_it_has_not_embedded_yet(base):
    await base.add("a.md", "one two three")
    await base.read()
    await base.embed()
    await base.store.use_model("second")
    await base.add("b.md", "four five six")
    await base.read()
    await base.store.use_model("first")
    assert [one.text for one in await base.store.unembedded(9)] == ["four five six"]
    await base.embed()
    assert len(await base.search._by_meaning("four five six")) == 2


async def test_what_the_reader_handed_over_is_deleted_after_use(base):
    base.reader.folder = base.folder / "results"
    for text in ("The rent is five hundred.", ""):
        base.reader.folder.mkdir()
        await base.add("lease.md", text)
        await base.read()
        assert not base.reader.folder.exists()

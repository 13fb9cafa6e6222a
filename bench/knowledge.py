"""The knowledge base: does it find the right passage, how fast, and how fast documents go in.

    python -m bench.knowledge            all
    python -m bench.knowledge --speed    the two figures of the search anew, the others stay

writes `eval-knowledge.json`. No model but the offline embedder is asked. The public data is read
from the folder that AGENTAI_EVAL_DIR names (default: `../shared/eval` beside the checkout) and
never copied. AGENTAI_EVAL_CACHE may name a folder that keeps vectors between runs. Measures:

- chunking set: 472 questions with the exact spans that answer them, five texts in one store. Our
  own chunker cuts, the product's search returns five chunks. `chunking_r5` counts a question
  whose five chunks touch at least one of its spans; also told are those where every span is
  touched and the share of the spans' characters that the five chunks hold (token recall).
- code set: the 737 chunks as they are given, 248 questions; Pass@10 is the mean share of a
  question's golden chunks among the first ten.
- ingest: a PDF of 400 pages, from the file to what answers by words: container, parser, store.
- docs set: 232 sections as they are given, 100 questions; a question counts when one of its
  sections is among the first five.

The weights of the search and the chunk sizes were chosen with the first two sets in view.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.ingesting import ingest
from bench.results import ROOT, read_all, save
from bench.vectors import Fixed, Offline
from coordinator.knowledge.chunking import chunk_pages
from coordinator.knowledge.index import Index
from coordinator.knowledge.search import Search
from coordinator.knowledge.segments import RUN, embedding_text, segment_of
from coordinator.knowledge.store import NewDocument, Store
from coordinator.knowledge.types import Chunk, Page
from core.db import Database
from core.migrate import migrate
from tests.support.services import RunningPostgres

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coordinator.knowledge.types import Passage

MODEL = Offline.name
CORPORA = ("chatlogs", "finance", "pubmed", "state_of_the_union", "wikitexts")
Figures = dict[str, tuple[float | int | None, str, str]]
QUERIES = 60
POOL = 20_000  # different vectors


def data_folder() -> Path:
    """Where the public data lies; ends the run with a sentence when it is not there."""
    folder = Path(os.environ.get("AGENTAI_EVAL_DIR") or ROOT.parent / "shared" / "eval")
    if not (folder / "chunking").is_dir() or not (folder / "cookbook").is_dir():
        sys.exit(
            "The public data is not here: AGENTAI_EVAL_DIR must name a folder with `chunking` and "
            "`cookbook` in it. Nothing was measured."
        )
    return folder


@dataclass(kw_only=True)
class Base:
    """A knowledge base in a database of its own."""

    database: Database
    store: Store
    index: Index
    vectors: Offline

    async def put(self, name: str, chunks: Iterable[Chunk], *, vectors: bool = True) -> int:
        """A document out of ready chunks; returns how many there were."""
        async with self.database.transaction() as session:
            new = NewDocument(
                name=name, digest=name, path="", size=0, source="folder", chat_id=None
            )
            await self.store.add(session, new)
        taken = await self.store.take()
        assert taken is not None
        count = 0
        listed = list(chunks)
        async with self.database.transaction() as session:
            await self.store.begin(session, taken.id)
            for start in range(0, len(listed), RUN):
                segment = segment_of(tuple(listed[start : start + RUN]))
                await self.store.add_segment(session, taken.id, segment)
                count += len(segment.chunks)
            await self.store.publish(session, taken, chunks=count, pages=0, may_embed=vectors)
        return count

    async def embed(self) -> None:
        """A vector for each chunk that has none."""
        model = await self.store.use_model(MODEL)
        while batch := await self.store.unembedded(64):
            texts = [embedding_text(chunk.headings, chunk.text) for chunk in batch]
            made = await self.vectors.embed(texts, kind="passage")
            await self.store.keep_vectors(model, [chunk.id for chunk in batch], made.vectors)
        await self.store.settle()
        await self.store.tidy(model)

    async def find(self, question: str, *, limit: int) -> list[Passage]:
        """The product's own search."""
        return await Search(self.index, self.vectors).find(question, limit=limit)


# --- recall ---


async def chunking(base: Base, folder: Path) -> Figures:
    """472 questions with the spans that answer them."""
    spans: dict[tuple[str, int], tuple[int, int]] = {}
    for name in CORPORA:
        text = (folder / "corpora" / f"{name}.md").read_text(encoding="utf-8")
        chunks = list(chunk_pages([Page(text=text)]))
        spans |= {(name, chunk.position): (chunk.start, chunk.end) for chunk in chunks}
        await base.put(name, chunks)
    await base.embed()
    with (folder / "questions_df.csv").open(encoding="utf-8") as file:
        questions = list(csv.DictReader(file))
    touched, whole, share = [], [], []
    for row in questions:
        wanted = [(r["start_index"], r["end_index"]) for r in json.loads(row["references"])]
        found = await base.find(row["question"], limit=5)
        places = [spans[p.document, p.position] for p in found if p.document == row["corpus_id"]]
        held = [covered(span, places) for span in wanted]
        touched.append(any(held))
        whole.append(all(held))
        share.append(sum(held) / sum(end - start for start, end in wanted))
    sizes = [end - start for start, end in spans.values()]
    what = f"of {len(questions)} questions, {len(spans)} chunks"
    size = round(statistics.mean(sizes))
    return {
        "chunking_r5": (percent(touched), "%", f"five chunks touch an answering span, {what}"),
        "chunking_r5_every": (percent(whole), "%", "five chunks touch every answering span"),
        "chunking_r5_tokens": (percent(share), "%", "share of the answering text in five chunks"),
        "chunking_chunk_chars": (size, "characters", "mean length of a chunk"),
    }


def covered(span: tuple[int, int], places: Iterable[tuple[int, int]]) -> int:
    """How many characters of a span lie in the places, which do not overlap."""
    return sum(max(0, min(span[1], end) - max(span[0], start)) for start, end in places)


def percent(values: Sequence[float]) -> float:
    """The mean in per cent."""
    return round(100 * statistics.mean(values), 1)


async def code(base: Base, folder: Path) -> Figures:
    """248 questions over chunks of code as they are given."""
    documents = json.loads((folder / "codebase_chunks.json").read_text(encoding="utf-8"))
    for document in documents:
        chunks = [
            Chunk(position=c["original_index"], text=c["content"], start=0, end=0)
            for c in document["chunks"]
        ]
        await base.put(document["original_uuid"], chunks)
    await base.embed()
    shares = []
    for line in (folder / "evaluation_set.jsonl").read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        golden = {(uuid, index) for uuid, index in question["golden_chunk_uuids"]}
        found = await base.find(question["query"], limit=10)
        shares.append(len(golden & {(p.document, p.position) for p in found}) / len(golden))
    what = f"golden chunks among the first ten, {len(shares)} questions over code"
    return {"code_pass10": (percent(shares), "%", what)}


async def docs(base: Base, folder: Path) -> Figures:
    """100 questions over sections of documentation as they are given."""
    sections = json.loads((folder / "anthropic_docs.json").read_text(encoding="utf-8"))
    links = [section["chunk_link"] for section in sections]
    chunks = [
        Chunk(position=n, text=s["text"], start=0, end=0, headings=(s["chunk_heading"] or "",))
        for n, s in enumerate(sections)
    ]
    await base.put("docs", chunks)
    await base.embed()
    hits = []
    questions = json.loads((folder / "docs_evaluation_dataset.json").read_text(encoding="utf-8"))
    for question in questions:
        found = await base.find(question["question"], limit=5)
        hits.append(bool({links[p.position] for p in found} & set(question["correct_chunks"])))
    what = f"a right section among the first five, {len(hits)} questions over documentation"
    return {"docs_r5": (percent(hits), "%", what)}


# --- speed ---


async def speed(base: Base, folder: Path, *, chunks: int) -> float:
    """Median milliseconds of a search over so many chunks, the question's vector at hand.

    The texts are the chunking set's, their words mixed anew; the vectors are random directions
    around a common one, which is how those of the offline model lie.
    """
    chance = random.Random(7)
    words = [
        word
        for name in CORPORA
        for word in (folder / "corpora" / f"{name}.md").read_text(encoding="utf-8").split()
    ]
    for number in range(chunks // 500):
        made = []
        for position in range(500):
            at = chance.randrange(len(words) - 100)
            text = " ".join(words[at : at + 60] + chance.sample(words, 160))
            made.append(Chunk(position=position, text=text, start=0, end=0))
        await base.put(f"made {number}", made)
    common = [chance.gauss(0, 1) for _ in range(384)]
    model = await base.store.use_model(MODEL)
    pool = [direction(chance, common) for _ in range(min(chunks, POOL))]
    while batch := await base.store.unembedded(2000):
        vectors = chance.sample(pool, len(batch))
        await base.store.keep_vectors(model, [chunk.id for chunk in batch], vectors)
    await base.store.settle()
    await base.store.tidy(model)
    await base.database.execute("vacuum analyze")
    with (folder / "questions_df.csv").open(encoding="utf-8") as file:
        questions = [row["question"] for row in csv.DictReader(file)]
    took = []
    search = Search(base.index, Fixed([direction(chance, common) for _ in questions], name=MODEL))
    for question in chance.sample(questions, QUERIES):
        began = time.perf_counter()
        await search.find(question)
        took.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(took), 1)


async def speeds(postgres: RunningPostgres, vectors: Offline, folder: Path) -> Figures:
    """The two sizes that are promised, each in a database of its own."""
    figures: Figures = {}
    for key, chunks in (("search_10k_p50_ms", 10_000), ("search_150k_p50_ms", 150_000)):
        async with fresh(postgres, vectors) as base:
            took = await speed(base, folder / "chunking", chunks=chunks)
            figures[key] = (took, "ms", f"one search over {chunks:,} chunks, p50")
    return figures


async def only_speeds(folder: Path) -> Figures:
    """The same by themselves, for a moment when the machine is quiet."""
    with tempfile.TemporaryDirectory(prefix="agentai-bench-") as home:
        postgres = RunningPostgres(Path(home))
        postgres.start()
        try:
            return await speeds(postgres, Offline(), folder)
        finally:
            postgres.close()


def direction(chance: random.Random, common: Sequence[float]) -> array[float]:
    """A vector of length 1 not far from the common one."""
    numbers = [2 * c + chance.gauss(0, 1) for c in common]
    length = sum(n * n for n in numbers) ** 0.5
    return array("f", [n / length for n in numbers])


async def measure(folder: Path) -> Figures:
    """All figures, each set in a database of its own."""
    figures: Figures = {}
    vectors = Offline()
    with tempfile.TemporaryDirectory(prefix="agentai-bench-") as home:
        postgres = RunningPostgres(Path(home))
        postgres.start()
        try:
            async with fresh(postgres, vectors) as base:
                figures |= await chunking(base, folder / "chunking")
            async with fresh(postgres, vectors) as base:
                figures |= await code(base, folder / "cookbook")
            async with fresh(postgres, vectors) as base:
                figures |= await docs(base, folder / "cookbook")
            figures |= await ingest(postgres, Path(home))
            figures |= await speeds(postgres, vectors, folder)
        finally:
            postgres.close()
    if vectors.made:
        rate = round(vectors.made / vectors.seconds, 1)
        figures["embeddings_per_s"] = (rate, "chunks/s", "offline model, one at a time")
    return figures


def fresh(postgres: RunningPostgres, vectors: Offline) -> _Fresh:
    """An empty knowledge base."""
    return _Fresh(postgres, vectors)


class _Fresh:
    def __init__(self, postgres: RunningPostgres, vectors: Offline) -> None:
        self._postgres, self._vectors = postgres, vectors

    async def __aenter__(self) -> Base:
        self._dsn = self._postgres.fresh_database()
        self._database = await Database.connect(self._dsn)
        await migrate(self._database)
        return Base(
            database=self._database, store=Store(self._database), index=Index(self._database),
            vectors=self._vectors,
        )  # fmt: skip

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()
        self._postgres.drop_database(self._dsn)


def main() -> None:
    """Measures, prints, writes the file."""
    folder = data_folder()
    is_whole = "--speed" not in sys.argv
    figures = asyncio.run(measure(folder) if is_whole else only_speeds(folder))
    for key, (value, unit, meaning) in figures.items():
        print(f"{key:24} {value} {unit}  {meaning}")
    save("eval-knowledge", figures if is_whole else saved() | figures)


def saved() -> Figures:
    """What the file holds already."""
    for body in read_all():
        if body["name"] == "eval-knowledge":
            return {k: (f["value"], f["unit"], f["meaning"]) for k, f in body["figures"].items()}
    return {}


if __name__ == "__main__":
    main()

"""Does memory find what was said? LoCoMo without any model, and the speed of the search.

    python -m bench.memory            all, about ten minutes on one core
    python -m bench.memory --tune     conversations 1 to 5 only, nothing is written

The data is not part of this project: `AGENTAI_EVAL_DIR` names the folder that holds locomo10.json
(default: `shared/eval` beside the checkout), `AGENTAI_EVAL_CACHE` one that keeps vectors between
runs. Each of its conversations is put into an empty database through the product's own index,
embedded by the product's default model, and every question is searched the way the product
searches. Recall is the share of a question's evidence turns among the first k, averaged over all
questions that have evidence.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.results import ROOT, save
from bench.vectors import Fixed, Offline
from coordinator.memory.index import MessagePassage, PassageIndex
from coordinator.memory.search import Search
from coordinator.memory.types import Query
from core.db import Database
from core.migrate import migrate
from tests.support.services import RunningPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


ABSENT = "{path} is not there. Set AGENTAI_EVAL_DIR to the folder that holds locomo10.json."
TUNED_ON = 5
BATCH = 32
SIZES = (10_000, 150_000)
ROUNDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One turn of a conversation: its id in the data, its session, who says what."""

    dia_id: str
    session: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """The recall of each question."""

    at_5: list[float]
    at_10: list[float]


def turns_of(conversation: Mapping[str, Any]) -> Iterator[Turn]:
    """The turns in their order; a picture counts as its caption, as in the paper."""
    for number in range(1, 200):
        for turn in conversation.get(f"session_{number}", []):
            caption = turn.get("blip_caption", "")
            text = f"{turn['speaker']}: {turn['text']}" + (f" [photo: {caption}]" * bool(caption))
            yield Turn(dia_id=turn["dia_id"], session=number, text=text)


def evidence_of(question: Mapping[str, Any]) -> list[str]:
    """The ids of the turns that hold the answer; a few are written in other ways in the data."""
    found: dict[str, None] = {}
    for text in question.get("evidence", []):
        parts = re.findall(r"D:?(\d+):(\d+)", text)
        found |= {f"D{session}:{int(place)}": None for session, place in parts} or {text: None}
    return list(found)


async def conversation_scores(
    database: Database, data: Mapping[str, Any], model: Offline
) -> Scores:
    """Fills the empty database with one conversation and asks all of its questions."""
    turns = list(turns_of(data["conversation"]))
    index = PassageIndex(database)
    ids = await _fill(database, index, turns)
    await _embed_all(index, model)
    search, scores = Search(index, model), Scores(at_5=[], at_10=[])
    for question in data["qa"]:
        if not (evidence := evidence_of(question)):
            continue
        found = await search.find(
            Query(text=question["question"], kinds="messages", limit=10, embed_s=60.0)
        )
        listed = [ids[one.message_id] for one in found if one.message_id is not None]
        scores.at_5.append(sum(e in listed[:5] for e in evidence) / len(evidence))
        scores.at_10.append(sum(e in listed for e in evidence) / len(evidence))
    return scores


async def _fill(database: Database, index: PassageIndex, turns: Sequence[Turn]) -> dict[int, str]:
    now, ids = datetime.now(UTC), {}
    async with database.transaction() as session:
        for place, turn in enumerate(turns):
            message_id = await session.fetchval(
                "insert into messages (chat_id, role, text) values (1, 'event', $1) returning id",
                turn.text,
            )
            ids[message_id] = turn.dia_id
            passage = MessagePassage(
                message_id=message_id, role="owner", label="owner", text=turn.text,
                talk=turn.session, place=place, at=now,
            )  # fmt: skip
            await index.add_message(session, passage)
    return ids


async def _embed_all(index: PassageIndex, model: Offline) -> None:
    await index.has_vectors()
    model_id = await index.use_model(model.name, model.dimension)
    while waiting := await index.unembedded(BATCH):
        made = await model.embed([one.text for one in waiting], kind="passage")
        await index.add_vectors(model_id, [one.id for one in waiting], made.vectors)
    await index.settle(model_id, model.name)


# --- speed ---


async def speed(database: Database) -> dict[int, float]:
    """Median milliseconds of a whole search without the embedding of its query, by size."""
    dice, figures = random.Random(7), {}
    centers = [[dice.gauss(0, 1) for _ in range(384)] for _ in range(200)]
    words = [f"w{n:05d}" for n in range(30_000)]
    common = [1.0 / (n + 2) for n in range(len(words))]
    index, size = PassageIndex(database), 0
    await index.has_vectors()
    for wanted in SIZES:
        await _grow(database, dice, (words, common, centers), (size, wanted))
        model_id = await index.use_model(Fixed.name, Fixed.dimension)
        await index.settle(model_id, Fixed.name)
        for table in ("passages", "vectors", "bits", "words", "unembedded"):
            await database.execute(f"vacuum analyze memory_{table}")
        size = wanted
        search = Search(index, Fixed([_near(dice, centers) for _ in range(20)]))
        took = []
        for _ in range(ROUNDS):
            text = " ".join(dice.choices(words, common, k=6))
            began = time.perf_counter()
            await search.find(Query(text=text, limit=10, embed_s=5.0))
            took.append(time.perf_counter() - began)
        figures[wanted] = round(statistics.median(took) * 1000, 2)
    return figures


def _near(dice: random.Random, centers: Sequence[Sequence[float]]) -> list[float]:
    center = dice.choice(centers)
    return [number + dice.gauss(0, 0.8) for number in center]


async def _grow(
    database: Database, dice: random.Random,
    made_of: tuple[Sequence[str], Sequence[float], Sequence[Sequence[float]]],
    span: tuple[int, int],
) -> None:  # fmt: skip
    """Passages of 60 words each, with vectors made inside Postgres."""
    words, common, centers = made_of
    pool = ["[" + ",".join(f"{n:.3g}" for n in _near(dice, centers)) + "]" for _ in range(4_000)]
    model_id = await PassageIndex(database).use_model(Fixed.name, Fixed.dimension)
    for begin in range(*span, 2_000):
        texts = [" ".join(dice.choices(words, common, k=60)) for _ in range(2_000)]
        arrays = dice.sample(pool, 2_000)
        await database.execute(_GROW, texts, arrays, begin // 50, model_id)


_GROW = """
with given as (
    select text, vec::halfvec as vec, row_number() over () as n
    from unnest($1::text[], $2::text[]) as u (text, vec)
), said as (
    insert into messages (chat_id, role, text) select 1, 'event', 'x' from given returning id
), numbered as (
    select id, row_number() over (order by id) as n from said
), passages as (
    insert into memory_passages (message_id, label, text, words, tsv, talk, place)
    select numbered.id, 'owner', given.text, 60, to_tsvector('english', given.text),
           $3 + given.n / 50, given.n
    from given join numbered using (n)
    returning id, message_id
), vectors as (
    insert into memory_vectors (passage_id, model_id, is_memory, vec)
    select passages.id, $4, false, l2_normalize(given.vec)
    from passages join numbered on numbered.id = passages.message_id join given using (n)
    returning 1
), bits as (
    insert into memory_bits (passage_id, model_id, is_memory, bits)
    select passages.id, $4, false, binary_quantize(given.vec - c.center)
    from passages join numbered on numbered.id = passages.message_id join given using (n)
    join memory_centers c on c.model_id = $4
)
select 1
"""


# --- the run ---


def data_file() -> Path:
    """Where the conversations are; ends with a clear sentence when they are nowhere."""
    folder = Path(os.environ.get("AGENTAI_EVAL_DIR", str(ROOT.parent / "shared" / "eval")))
    path = folder / "locomo10.json"
    if not path.is_file():
        raise SystemExit(ABSENT.format(path=path))
    return path


def mean(values: Sequence[float]) -> float:
    """The mean in percent."""
    return round(100 * statistics.fmean(values), 1)


async def run(*, only_tuned: bool, postgres: RunningPostgres) -> None:
    """All of it; prints as it goes."""
    data = json.loads(data_file().read_text(encoding="utf-8"))
    model, scores = Offline(), []
    for number, conversation in enumerate(data[: TUNED_ON if only_tuned else None], start=1):
        async with _opened(postgres) as database:
            scores.append(await conversation_scores(database, conversation, model))
        print(f"conversation {number}: R@5 {mean(scores[-1].at_5)}, R@10 {mean(scores[-1].at_10)}")
    at_5 = mean([r for s in scores for r in s.at_5])
    at_10 = mean([r for s in scores for r in s.at_10])
    print(f"{sum(len(s.at_5) for s in scores)} questions: R@5 {at_5}, R@10 {at_10}")
    if only_tuned:
        return
    unseen = mean([r for s in scores[TUNED_ON:] for r in s.at_10])
    async with _opened(postgres) as database:
        fast = await speed(database)
    meaning = "milliseconds for a whole search without embedding the query, median"
    save("eval-memory", {
        "locomo_r5": (at_5, "%", "evidence among the first 5, all 1,982 questions"),
        "locomo_r10": (at_10, "%", "evidence among the first 10, all 1,982 questions"),
        "locomo_r10_unseen": (unseen, "%", "the same for conversations 6 to 10, never tuned on"),
        "memory_search_10k_p50_ms": (fast[10_000], "ms", f"{meaning}, 10,000 passages"),
        "memory_search_150k_p50_ms": (fast[150_000], "ms", f"{meaning}, 150,000 passages"),
    })  # fmt: skip


class _opened:  # noqa: N801 - used as a context
    """A new database with our tables, dropped at the end."""

    def __init__(self, postgres: RunningPostgres) -> None:
        self._postgres = postgres
        self._dsn = postgres.fresh_database()

    async def __aenter__(self) -> Database:
        self._database = await Database.connect(self._dsn)
        await migrate(self._database)
        return self._database

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()
        self._postgres.drop_database(self._dsn)


def main() -> int:
    """Runs it; returns the exit code."""
    data_file()
    with tempfile.TemporaryDirectory() as folder:
        postgres = RunningPostgres(Path(folder))
        try:
            asyncio.run(run(only_tuned="--tune" in sys.argv, postgres=postgres))
        finally:
            postgres.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

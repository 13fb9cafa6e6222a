"""How far a pass of forgetting came: what it looks for, which place is next, from which row. Pure.

A pass is a row of `instance`; every batch writes it anew in its own commit, so a `kill -9` goes on
there. Words lie in it sealed only. The first round looks for what else was told and goes through
all places; the second one, later, takes what was alive or being written meanwhile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coordinator.forgetting.places import ERASED
from coordinator.forgetting.words import (
    SENTENCES_CAP,
    WORDS_CAP,
    Eraser,
    candidates,
    sentences,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

START = -(2**63)
GATHER = "gather:inbox"
USED = ("used:messages", "used:memories")
ERASE = tuple(f"erase:{table}" for table in ERASED)
END = "end"
STAGES = {1: (GATHER, *USED, *ERASE, END), 2: (*USED, *ERASE, END)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """One pass, between two batches.

    `told`: messages (chat, id) whose words go whatever they are; `memories`: those forgotten;
    `used`: the words that the owner still says elsewhere; `after`: the last row that was done.
    """

    words: tuple[str, ...] = ()
    sentences: tuple[tuple[str, ...], ...] = ()
    told: tuple[tuple[int, int], ...] = ()
    memories: tuple[int, ...] = ()
    used: tuple[str, ...] = ()
    round: int = 1
    stage: str = GATHER
    after: int = START
    files: tuple[str, ...] = ()
    tasks: tuple[int, ...] = ()

    @property
    def eraser(self) -> Eraser:
        """What goes."""
        used = set(self.used)
        left = tuple(word for word in self.words if word not in used)
        return Eraser(words=left, sentences=self.sentences)

    @property
    def place(self) -> str:
        """The table that is being gone through."""
        return self.stage.partition(":")[2]

    def onward(self) -> Pass:
        """At the beginning of the next place."""
        stages = STAGES[self.round]
        return replace(self, stage=stages[stages.index(self.stage) + 1], after=START)

    def with_texts(self, texts: Sequence[str]) -> Pass:
        """Looks for the words of these texts, too."""
        words = dict.fromkeys((*self.words, *candidates(texts)))
        told = dict.fromkeys((*self.sentences, *sentences(texts)))
        return replace(self, words=tuple(words)[:WORDS_CAP], sentences=tuple(told)[:SENTENCES_CAP])

    def with_used(self, words: Iterable[str]) -> Pass:
        """Leaves these words."""
        return replace(self, used=tuple(dict.fromkeys((*self.used, *words))))

    def second(self, tasks: Iterable[int]) -> Pass:
        """The second round: from the beginning, after these tasks."""
        return replace(
            self, round=2, stage=STAGES[2][0], after=START, used=(), files=(), told=(),
            memories=(), tasks=tuple(tasks),
        )  # fmt: skip

    def secret(self) -> str:
        """What must be sealed."""
        return json.dumps({"words": self.words, "sentences": self.sentences, "used": self.used})

    def public(self) -> dict[str, object]:
        """Numbers and names of places."""
        return {
            "round": self.round, "stage": self.stage, "after": self.after,
            "told": [list(one) for one in self.told], "memories": list(self.memories),
            "files": list(self.files), "tasks": list(self.tasks),
        }  # fmt: skip


def read_pass(public: Mapping[str, object], secret: str) -> Pass:
    """A pass as it was kept; one of an earlier version is a second round from its beginning."""
    plain = json.loads(secret)
    kept = json.loads(json.dumps(public))
    number = 1 if kept.get("round") == 1 else 2
    stage = kept.get("stage")
    is_known = stage in STAGES[number]
    return Pass(
        words=tuple(plain["words"]), used=tuple(plain.get("used", ())),
        sentences=tuple(tuple(one) for one in plain["sentences"]),
        told=tuple((int(chat), int(no)) for chat, no in kept.get("told", ())),
        memories=tuple(kept.get("memories", ())), round=number,
        stage=stage if is_known else STAGES[number][0],
        after=int(kept.get("after", START)) if is_known else START,
        files=tuple(kept.get("files", ())), tasks=tuple(kept.get("tasks", ())),
    )  # fmt: skip

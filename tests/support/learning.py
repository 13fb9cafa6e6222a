"""A model that answers in the form mem0 asks for, and a look at the extractor's process."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.model_server import last_user, say, tool_names

if TYPE_CHECKING:
    from tests.support.model_server import Answer, Body


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """Where an owner's message holds `when`, `text` is worth remembering.

    It replaces the memory that holds `instead_of`.
    """

    when: str
    text: str
    kind: str = "fact"
    instead_of: str = ""


@dataclass(kw_only=True)
class Learner:
    """The script of a model: chats, and extracts its lessons from what it is shown.

    `systems` are the system messages of the turns; `pause_s` passes before an extraction's answer.
    """

    lessons: tuple[Lesson, ...]
    pause_s: float = 0.0
    systems: list[str] = field(default_factory=list)

    def __call__(self, body: Body) -> Answer:
        """The answer."""
        if is_extraction(body):
            return say(json.dumps({"memory": self._learnt(body)}), pause_s=self.pause_s)
        if "delegate" not in tool_names(body):
            return say("ok")
        self.systems.append(str(body["messages"][0]["content"]))
        return say(f"answer to {last_user(body)}")

    def _learnt(self, body: Body) -> list[dict[str, object]]:
        known = section(body, "Existing Memories")
        return [
            {
                "id": str(number), "text": lesson.text, "from": one["id"], "kind": lesson.kind,
                "attributed_to": "user",
                "supersedes": [
                    old["id"] for old in known
                    if lesson.instead_of and lesson.instead_of in old["text"]
                ],
            }
            for one in section(body, "New Messages")
            for number, lesson in enumerate(self.lessons)
            if lesson.when in one["content"]
        ]  # fmt: skip


def is_extraction(body: Body) -> bool:
    """Whether mem0 asks."""
    return not body.get("tools") and "Memory Extractor" in str(body["messages"][0]["content"])


def section(body: Body, title: str) -> list[dict[str, str]]:
    """One list of mem0's prompt."""
    prompt = str(body["messages"][1]["content"])
    found = re.search(rf"^## {title}\n(.*)$", prompt, re.MULTILINE)
    assert found is not None
    listed: list[dict[str, str]] = json.loads(found[1])
    return listed


def extractors(serve: int) -> list[int]:
    """The process ids of the extractors that this serving process has started."""
    wanted = f"coordinator.heavy\0extract\0{serve}\0".encode()
    return [int(one.parent.name) for one in Path("/proc").glob("[0-9]*/cmdline")
            if wanted in _words(one)]  # fmt: skip


def _words(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""

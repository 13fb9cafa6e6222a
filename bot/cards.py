"""The texts of tasks in the chat: progress message, result, question, status. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.render import Piece, compose
from core.tasks import TaskState, has_ended

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from bot.delivery import Button
    from core.tasks import Task

TITLE_CAP = 120
PROGRESS_CAP = 300
STATUS_LISTED, STATUS_WITH_NOTES = 20, 10  # tasks: with more notes a card would be cut in two
WORDS = {
    TaskState.QUEUED: "queued",
    TaskState.RUNNING: "working",
    TaskState.WAITING: "waiting for you",
    TaskState.DONE: "done",
    TaskState.FAILED: "failed",
    TaskState.CANCELLED: "cancelled",
    TaskState.UNKNOWN: "ended in doubt",
}
ENDS = {  # what comes before a duration, and what stands without one
    TaskState.DONE: ("Done in", "Done."),
    TaskState.FAILED: ("Failed after", "Failed before it began."),
    TaskState.CANCELLED: ("Cancelled after", "Cancelled before it began."),
    TaskState.UNKNOWN: ("Ended in doubt after", "Ended in doubt."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A text with buttons."""

    piece: Piece
    keys: tuple[tuple[Button, ...], ...] = ()


def short(text: str, cap: int) -> str:
    """`text` in one line of at most `cap` characters."""
    line = " ".join(text.split())
    return line if len(line) <= cap else line[: cap - 1].rstrip() + "…"


def span(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def money(amount: Decimal) -> str:
    """US dollars, as fine as the amount needs; empty for nothing."""
    if amount <= 0:
        return ""
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.4f}"


def progress_card(task: Task) -> Card:
    """The one progress message of a task, as it should look now.

    At the end only one short line is left of it: the result is a message of its own.
    """
    if has_ended(task.state):
        return Card(piece=compose(("bold", f"#{task.no}"), f" · {_end_line(task)}"))
    lines: list[str | tuple[str, str]] = [
        ("bold", f"#{task.no}"), f" {WORDS[task.state]} · {short(task.title, TITLE_CAP)}",
    ]  # fmt: skip
    if task.cancel_requested_at is not None:
        return Card(piece=compose(*lines, "\nStopping…"))
    if task.skill:
        lines.append(f"\nSkill: {task.skill}")
    if task.progress:
        lines.append(f"\n{short(task.progress, PROGRESS_CAP)}")
    return Card(piece=compose(*lines), keys=((("Cancel", f"c:{task.no}"),),))


def question_card(task: Task) -> Card:
    """A task's question to the owner."""
    question = (task.question or "").strip()[:3000]
    return Card(
        piece=compose(("bold", f"#{task.no} asks:"), f" {question}\n\nReply to this message.")
    )


def _took(task: Task) -> float | None:
    if task.started_at is None or task.ended_at is None:
        return None
    return (task.ended_at - task.started_at).total_seconds()


def _end_line(task: Task) -> str:
    """How it ended, how long it took and what that cost, in one line."""
    took = _took(task)
    with_span, without = ENDS[task.state]
    parts = [
        f"{with_span} {span(took)}" if took is not None else without,
        f"{task.steps} step{'s' if task.steps != 1 else ''}" if task.kind == "agent" else "",
        money(task.cost_usd),
    ]
    return " · ".join(part for part in parts if part)


def result_markdown(task: Task) -> str:
    """An ended task as Markdown for the owner; how long it took stands on its progress message.

    Command output is fenced so that nothing in it formats.
    """
    head = f"**#{task.no} {WORDS[task.state]}** · {escape(short(task.title, TITLE_CAP))}"
    parts = [head]
    if task.reason and task.state is not TaskState.DONE:
        parts.append(escape(task.reason.strip()))
    result = (task.result or "").strip("\n")
    if result.strip():
        parts.append(fenced(result) if task.kind == "shell" else result)
    elif task.state is TaskState.DONE and not task.result_files:
        parts.append("It printed nothing." if task.kind == "shell" else "It left no text.")
    if task.state is TaskState.UNKNOWN:
        parts.append("Nobody can tell whether its last step took effect, so I did not repeat it.")
    return "\n\n".join(parts)


def result_event(task: Task) -> str:
    """The same for the conversation, with what the progress message says."""
    return f"{result_markdown(task)}\n\n_{_end_line(task)}_"


def fenced(text: str) -> str:
    """`text` as a code block whose fence is longer than any run of backticks inside."""
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def escape(text: str) -> str:
    """`text` so that Markdown shows it as it is."""
    return "".join("\\" + c if c in "\\`*_{}[]()<>#+-!|~&" else c for c in text)


def status_card(
    tasks: Sequence[Task], *, now: datetime, trouble: str = "", today: Decimal | None = None
) -> Card:
    """The answer to /status: what runs and what is queued, with a button to cancel each."""
    if not tasks:
        parts: list[str | tuple[str, str]] = ["Nothing is running."]
    else:
        running = sum(t.state is not TaskState.QUEUED for t in tasks)
        parts = [("bold", f"{running} running, {len(tasks) - running} queued")]
    has_notes = len(tasks) <= STATUS_WITH_NOTES
    for task in tasks[:STATUS_LISTED]:
        line = _status_line(task, now, has_note=has_notes)
        parts += ["\n\n", ("bold", f"#{task.no}"), f" {line}"]
    if (more := len(tasks) - STATUS_LISTED) > 0:
        parts.append(f"\n\n… and {more} more.")
    if today:
        parts.append(f"\n\nSpent today: {money(today)}")
    if trouble:
        parts.append(f"\n\n{trouble}")
    return Card(piece=compose(*parts), keys=_cancel_keys(tasks))


def _status_line(task: Task, now: datetime, *, has_note: bool) -> str:
    since = task.started_at or task.created_at
    word = WORDS[task.state] if task.cancel_requested_at is None else "stopping"
    facts = [word, span((now - since).total_seconds()), money(task.cost_usd)]
    line = f"{short(task.title, TITLE_CAP)}\n" + " · ".join(f for f in facts if f)
    note = (task.question or task.progress) if has_note else None
    return line + (f"\n{short(note, 160)}" if note else "")


def which_card(tasks: Sequence[Task]) -> Card:
    """The answer to /cancel when several could be meant."""
    if not tasks:
        return Card(piece=compose("Nothing is running."))
    keys = tuple(((f"#{t.no} {short(t.title, 40)}", f"c:{t.no}"),) for t in tasks[:20])
    return Card(piece=compose("Which one?"), keys=(*keys, (("All of them", "c:all"),)))


def _cancel_keys(tasks: Sequence[Task]) -> tuple[tuple[Button, ...], ...]:
    going = [task for task in tasks if task.cancel_requested_at is None]
    cancel = [(f"Cancel #{t.no}", f"c:{t.no}") for t in going[:12]]
    rows = [tuple(cancel[i : i + 3]) for i in range(0, len(cancel), 3)]
    if len(going) > 1:
        rows.append((("Cancel all", "c:all"),))
    return (*rows, (("Refresh", "s"),))

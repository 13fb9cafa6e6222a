"""A scripted model that works with a browser: it reads references out of what it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.support.model_server import Answer, Body, Reply, call, say

Plan = list[Callable[[str], Answer]]


def ref(shown: str, wanted: str) -> str:
    """The reference in the first line that holds `wanted`."""
    for line in shown.splitlines():
        found = re.search(r"\[(e\d+)\]", line)
        if found and wanted in line:
            return found.group(1)
    raise AssertionError(f"{wanted!r} is not in:\n{shown}")


def results(body: Body) -> list[str]:
    """What all tools answered so far."""
    return [str(m["content"]) for m in body["messages"] if m["role"] == "tool"]


def browse(title: str, *steps: Callable[[str], Answer]) -> Callable[[Body], Answer]:
    """A script: the coordinator delegates; the task does the steps.

    Each step is given all results, newest first.
    """

    def script(body: Body) -> Answer:
        names = {tool["function"]["name"] for tool in body.get("tools", [])}
        if "finish" not in names:
            is_done = any(m["role"] == "tool" for m in body["messages"])
            wanted: dict[str, Any] = {"title": title, "instructions": title, "browser": True}
            return say("Started.") if is_done else call("delegate", **wanted)
        known = results(body)
        if len(known) < len(steps):
            return steps[len(known)]("\n".join(reversed(known)))
        return call("finish", result=known[-1][-1500:] if known else "nothing")

    return script


def open_page(url: str) -> Callable[[str], Answer]:
    return lambda _: call("open_page", url=url)


def click(wanted: str) -> Callable[[str], Answer]:
    return lambda shown: call("click", ref=ref(shown, wanted))


def read() -> Callable[[str], Answer]:
    return lambda _: call("read_page")


def do(tool: str, **arguments: Any) -> Callable[[str], Answer]:
    return lambda _: Reply(calls=((tool, arguments),))


def on(tool: str, wanted: str, **arguments: Any) -> Callable[[str], Answer]:
    """A tool on the element whose line holds `wanted`."""
    return lambda shown: Reply(calls=((tool, {"ref": ref(shown, wanted), **arguments}),))

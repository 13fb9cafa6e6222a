"""The environment of a heavy process."""

import asyncio

from coordinator.heavy.child import Child, environment
from coordinator.heavy.jobs import LANES, Reach

OURS = {
    "PATH": "/bin", "AGENTAI_SECRET_KEY": "k", "TELEGRAM_BOT_TOKEN": "t", "MODEL_API_KEY": "m",
    "DATABASE_URL": "postgres://x", "HTTPS_PROXY": "http://proxy", "LD_PRELOAD": "/x.so",
}  # fmt: skip


def test_no_secret_and_no_stray_variable_gets_into_it() -> None:
    for lane in LANES.values():
        made = environment(lane, OURS)
        assert made["PATH"] == "/bin"
        assert not {"k", "t", "m", "postgres://x", "/x.so"} & set(made.values())
        assert ("HTTPS_PROXY" in made) == lane.may_connect


def test_mem0_finds_no_telemetry_and_no_folder_to_write_in() -> None:
    made = environment(LANES["extract"], {})
    assert made["MEM0_TELEMETRY"] == "False"
    assert made["MEM0_DIR"].startswith("/proc/")


def test_embeddings_use_one_thread() -> None:
    for name in ("query", "passages"):
        assert environment(LANES[name], {})["OMP_NUM_THREADS"] == "1"


async def test_a_process_that_stays_on_after_the_hang_up_can_still_be_ended() -> None:
    pipe = asyncio.subprocess.PIPE
    child = Child(await asyncio.create_subprocess_exec("sleep", "600", stdin=pipe), Reach())
    child.hang_up()
    assert child.is_alive
    child.kill()
    await child.gone()
    assert not child.is_alive

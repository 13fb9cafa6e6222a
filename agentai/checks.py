"""What `agentai doctor` looks at: one function a part.

Each returns a short sentence about what it found, or raises: `UserFacing` with what is wrong and
how to mend it, any other error of ours as it comes. None of them changes anything that stays.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.db import Database
from core.errors import ConfigError, Retryable, UserFacing
from core.settings import EnvSettings, load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from core.config import Config
    from executors.ports import Limits

WAIT_S = 5.0
ROOM_MB = 1024
ENGINE_SOCKET = Path("/var/run/docker.sock")
CLOCK_S = 60
OLDEST_PYTHON = (3, 11, 0)
OLDEST_POSTGRES = 140_000
RUN_UP = "Start `agentai up` (or `make up`), then run the doctor again."


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A part's name and how to look at it."""

    name: str
    look: Callable[[], Awaitable[str]]


_refused: list[ConfigError] = []


def _env() -> EnvSettings:
    """The settings without the refused ones, so that one of them does not hide the other parts."""
    while True:
        try:
            return load_settings()
        except ConfigError as error:
            _refused.append(error)
            names = [name for name in os.environ if name.upper() == error.setting]
            for name in names:
                del os.environ[name]
            if not names:
                raise


async def python() -> str:
    """The interpreter."""
    found = sys.version_info[:3]
    version = ".".join(str(n) for n in found)
    if found < OLDEST_PYTHON:
        raise UserFacing(f"Python {version} is too old.", "Install Python 3.11 or newer.")
    return version


async def settings() -> str:
    """Every variable of the environment that we read."""
    _env()
    if _refused:
        raise UserFacing(
            "; ".join(str(error) for error in _refused), "Correct it in the environment."
        )
    return "the environment's values are valid"


async def home() -> str:
    """The instance's folder: ours, and closed to others."""
    folder = _env().home
    if not folder.is_dir():
        raise UserFacing(f"{folder} does not exist.", "`agentai up` makes it.")
    facts = folder.stat()
    if facts.st_uid != os.geteuid():
        raise UserFacing(f"{folder} belongs to another user.", f"chown -R {os.geteuid()} {folder}")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise UserFacing(f"Others may look into {folder}.", f"chmod 700 {folder}")
    return str(folder)


async def secret_key() -> str:
    """The key that seals stored secrets: there, long enough, and readable by nobody else."""
    env = _env()
    env.need_secret_key()
    path = env.home / "secret.key"
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UserFacing(f"Others may read {path}.", f"chmod 600 {path}")
    return "is there; keep a copy of it apart from the backups"


async def postgres() -> str:
    """The database: reachable, new enough, and in the shape that this code expects."""
    from core.migrate import migrations

    database = await _connect()
    try:
        number = int(await database.fetchval("select current_setting('server_version_num')"))
        version = str(await database.fetchval("select current_setting('server_version')"))
        if number < OLDEST_POSTGRES:
            raise UserFacing(f"Postgres {version} is too old.", "Use Postgres 14 or newer.")
        exists = await database.fetchval("select to_regclass('schema_migrations') is not null")
        rows = await database.fetch("select name, digest from schema_migrations") if exists else ()
    finally:
        await database.close()
    ran = {row["name"]: row["digest"] for row in rows}
    missing = [m.name for m in migrations() if ran.get(m.name) != m.digest]
    if missing:
        raise UserFacing(
            f"Postgres {version} answers, but {missing[0]} has not run there as it is here.",
            "`agentai serve` brings the database up to date at its start; see its log.",
        )
    return f"{version}, {len(ran)} migrations"


async def _connect() -> Database:
    env = _env()
    if env.database_url is None:
        raise UserFacing("No database runs for this folder.", RUN_UP)
    try:
        return await Database.connect(env.need_database(), size=1, patience_s=WAIT_S)
    except Retryable as error:
        raise UserFacing(
            str(error), "Check DATABASE_URL, and that the server there runs."
        ) from error


async def memory() -> str:
    """What is remembered, how it is searched, and what work waits."""
    from coordinator.memory.index import PassageIndex
    from coordinator.memory.store import MemoryStore

    database = await _connect()
    try:
        if not await database.fetchval("select to_regclass('memories') is not null"):
            return "nothing yet; `agentai serve` makes its tables"
        counts = await MemoryStore(database).counts()
        waiting = await MemoryStore(database).waiting()
        has_vectors = await PassageIndex(database).has_vectors()
    finally:
        await database.close()
    how = "words and vectors" if has_vectors else "words only, since Postgres has no pgvector"
    late = f", {waiting.failed} of them failed before" if waiting.failed else ""
    return f"{counts.get('active', 0)} memories, {how}; {waiting.total} pieces of work wait{late}"


async def redis() -> str:
    """Redis or Valkey: reachable, and with streams."""
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    env = _env()
    if env.redis_url is None:
        raise UserFacing("No Redis runs for this folder.", RUN_UP)
    client = Redis.from_url(env.need_redis(), socket_timeout=WAIT_S, socket_connect_timeout=WAIT_S)
    try:
        facts = await client.info("server")
    except (RedisError, OSError) as error:
        raise UserFacing(f"Redis does not answer: {type(error).__name__}.", RUN_UP) from error
    finally:
        await client.aclose()
    if version := facts.get("valkey_version"):
        return f"valkey {version}"
    return f"redis {facts.get('redis_version')}"


async def telegram() -> str:
    """The bot token, by asking Telegram who it is."""
    env = _env()
    if env.telegram_bot_token is None:
        raise UserFacing(
            "There is no bot token, and no playground runs for this folder.",
            "Set TELEGRAM_BOT_TOKEN (@BotFather gives one), or start `agentai up` without it.",
        )
    answer = await _fetch(f"{env.telegram_api_url}/bot{env.need_token()}/getMe", name="Telegram")
    if answer.status_code in {401, 404}:
        raise UserFacing("Telegram does not know this bot token.", "Ask @BotFather for a new one.")
    if answer.status_code != 200:
        raise UserFacing(f"Telegram answers with code {answer.status_code}.", "Try again later.")
    return f"@{answer.json()['result']['username']}"


async def _fetch(url: str, *, name: str, key: str = "") -> httpx.Response:
    """GETs `url`; the address is never repeated, it may hold a token."""
    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=WAIT_S) as client:
            return await client.get(url, headers=headers)
    except httpx.HTTPError as error:
        raise UserFacing(
            f"{name} cannot be reached: {type(error).__name__}.",
            "Check this machine's network, its proxy variables and the configured address.",
        ) from None


async def model() -> str:
    """The model service, if one is configured; none is fine."""
    config = await _config()
    address, key = config.text("model.base_url"), config.text("model.api_key")
    if not config.models("coordinator"):
        return "none is configured; /config model.api_key in the chat adds one"
    answer = await _fetch(f"{address.rstrip('/')}/models", name="The model service", key=key)
    if answer.status_code in {401, 403}:
        raise UserFacing(
            "The model service refuses the key.", "Set a new one: agentai config model.api_key"
        )
    if answer.status_code >= 500:
        raise UserFacing(f"The model service answers with code {answer.status_code}.", "Try later.")
    return f"{address} answers"


async def _config() -> Config:
    """What is in force; without a database, what the environment and the defaults say."""
    from core.config import ConfigStore
    from core.config.values import resolve
    from core.seal import Seal

    env = _env()
    try:
        database = await _connect()
    except UserFacing:
        return resolve(0, {}, env)
    try:
        store = ConfigStore(database=database, seal=Seal(env.need_secret_key()), env=env)
        return await store.current()
    finally:
        await database.close()


async def engine() -> str:
    """The container engine and the image; says both."""
    from executors.docker_launcher import NO_ENGINE, DockerLauncher
    from executors.images import executor_image_tag, project_root

    image = executor_image_tag(project_root())
    launcher = DockerLauncher(image=image, instance="doctor", host="doctor")
    try:
        await launcher.check()
    except UserFacing as error:
        if error.text == NO_ENGINE.text:
            raise _no_engine() from error
        raise
    finally:
        launcher.close()
    return f"answers, {image} is there"


def _no_engine() -> UserFacing:
    """Why the engine may not answer, and what to do about it."""
    if address := os.environ.get("DOCKER_HOST"):
        return UserFacing(f"No engine answers at {address}.", "Correct DOCKER_HOST, or unset it.")
    if ENGINE_SOCKET.exists() and not os.access(ENGINE_SOCKET, os.W_OK):
        return UserFacing(
            "This user may not speak to the container engine.",
            "sudo usermod -aG docker $USER, then log in again.",
        )
    return UserFacing(
        "The container engine does not answer.",
        "`make up` as root installs and starts it; elsewhere: systemctl start docker",
    )


async def container() -> str:
    """A hardened container like a task's: started, its worker connected, removed again."""
    from executors.docker_launcher import DockerLauncher
    from executors.images import executor_image_tag, project_root
    from executors.pool import Pool

    limits = await _limits()
    image = executor_image_tag(project_root())
    launcher = DockerLauncher(image=image, instance="doctor", host="doctor")
    with tempfile.TemporaryDirectory(prefix="doctor-", dir=_env().home) as folder:
        pool = Pool(root=Path(folder), launcher=launcher)
        began = time.monotonic()
        try:
            await launcher.check()
            await pool.discard(await pool.start(limits))
        finally:
            launcher.close()
    return f"a hardened one came up and went in {time.monotonic() - began:.1f} s"


async def _limits() -> Limits:
    from executors.ports import Limits as Chosen

    return Chosen.of(await _config())


async def disk() -> str:
    """Room for the database, files and containers."""
    folder = _env().home
    while not folder.exists():
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < ROOM_MB:
        raise UserFacing(
            f"Only {free_mb} MB are free at {folder}.", f"Make room: at least {ROOM_MB} MB."
        )
    return f"{free_mb // 1024} GB free"


async def clock() -> str:
    """This machine's time against the one in Telegram's answers (which need no valid token)."""
    try:
        answer = await _fetch(_env().telegram_api_url, name="Telegram")
    except UserFacing:
        return "cannot be compared; Telegram does not answer"
    told = answer.headers.get("date")
    if told is None:
        return "cannot be compared; Telegram's server told no time"
    apart_s = abs(time.time() - parsedate_to_datetime(told).timestamp())
    if apart_s > CLOCK_S:
        raise UserFacing(
            f"The clock is {apart_s:.0f} s apart from Telegram's.",
            "Turn on time synchronisation: timedatectl set-ntp true",
        )
    return "agrees with Telegram's"


CHECKS = tuple(
    Check(name=look.__name__.replace("_", "-"), look=look)
    for look in (
        python, settings, home, secret_key, postgres, memory, redis, telegram, model, engine,
        container, disk, clock,
    )
)  # fmt: skip

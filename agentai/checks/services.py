"""What answers from elsewhere: Postgres, Redis, Telegram and the model service."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from agentai.checks.setting import RUN_UP, checked_env, config_in_force, connect
from agentai.probing import WAIT_S, fetch, key_address, listed_models
from core.errors import UserFacing

CLOCK_S = 60
OLDEST_POSTGRES = 140_000
MEND_NETWORK = "Check this machine's network, its proxy variables and the configured address."
MEND_MODEL = (
    "Correct the address: agentai config model.base_url ADDRESS (or MODEL_BASE_URL). "
    "If it is right, check this machine's network and proxy variables."
)


async def postgres() -> str:
    """The database: reachable, new enough, and in the shape that this code expects."""
    from core.migrate import migrations

    database = await connect()
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


async def memory() -> str:
    """What is remembered, how it is searched, and what work waits."""
    from coordinator.memory.index import PassageIndex
    from coordinator.memory.store import MemoryStore

    database = await connect()
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

    env = checked_env()
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
    env = checked_env()
    if env.telegram_bot_token is None:
        raise UserFacing(
            "There is no bot token, and no playground runs for this folder.",
            "Set TELEGRAM_BOT_TOKEN (@BotFather gives one), or start `agentai up` without it.",
        )
    address = f"{env.telegram_api_url}/bot{env.need_token()}/getMe"
    answer = await fetch(address, name="Telegram", mend=MEND_NETWORK)
    if answer.status_code in {401, 404}:
        raise UserFacing("Telegram does not know this bot token.", "Ask @BotFather for a new one.")
    if answer.status_code != 200:
        raise UserFacing(f"Telegram answers with code {answer.status_code}.", "Try again later.")
    return f"@{answer.json()['result']['username']}"


async def model() -> str:
    """The model service, if one is configured; none is fine."""
    config = await config_in_force()
    address, key = config.text("model.base_url"), config.text("model.api_key")
    if not config.models("coordinator"):
        return "none is configured; /config model.api_key in the chat adds one"
    answer = await fetch(key_address(address), name="The model service", mend=MEND_MODEL, key=key)
    if answer.status_code in {401, 403}:
        raise UserFacing(
            "The model service refuses the key.", "Set a new one: agentai config model.api_key"
        )
    if answer.status_code >= 500:
        raise UserFacing(f"The model service answers with code {answer.status_code}.", "Try later.")
    if answer.status_code != 200:
        return f"{address} answers, but not for its models ({answer.status_code}); is it right?"
    names, wanted = listed_models(answer.text), config.models("coordinator")[0]
    if names and wanted not in names:
        return f"{address} answers, but does not list {wanted}; see model.coordinator"
    return f"{address} answers"


async def clock() -> str:
    """This machine's time against the one in Telegram's answers (which need no valid token)."""
    try:
        answer = await fetch(checked_env().telegram_api_url, name="Telegram", mend=MEND_NETWORK)
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

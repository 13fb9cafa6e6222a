"""Where a secret may have been left, and what it may look like there.

A canary is `core + marks + core`. The marks are what escaping changes; each core alone, as it is or
encoded, gives the canary away. Base64 is looked for at each of its three alignments, without the
letters that depend on what stands around.
"""

from __future__ import annotations

import base64
import json
import secrets
import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import docker
import redis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from core.db import Database
    from tests.support.world import World

MARKS = "+/%&="
CORE = 18
Places = dict[str, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """A planted value; `name` says how it was planted."""

    name: str
    value: str

    @classmethod
    def random(cls, name: str) -> Canary:
        """A new one, as no other text in the world looks."""
        letters = string.ascii_letters + string.digits
        cores = ["".join(secrets.choice(letters) for _ in range(CORE)) for _ in range(2)]
        return cls(name=name, value=MARKS.join(cores))

    @property
    def needles(self) -> frozenset[bytes]:
        """Everything that gives it away."""
        first, second = self.value.split(MARKS)
        return frozenset(forms(first.encode()) | forms(second.encode()) | whole(self.value))


def whole(value: str) -> set[bytes]:
    """The value itself in one piece, plain and in the encodings of addresses."""
    return {value.encode(), quote(value, safe="").encode(), quote_plus(value).encode()}


def forms(core: bytes) -> set[bytes]:
    """What `core` looks like in a text: plain, reversed, hex, percent-encoded, base64."""
    plain_hex = core.hex()
    percent = "".join(f"%{byte:02x}" for byte in core)
    found = {core, core[::-1], plain_hex.encode(), plain_hex.upper().encode()}
    found |= {percent.encode(), percent.upper().encode()}
    for before in range(3):
        sure = _aligned(core, before)
        found |= {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def _aligned(core: bytes, before: int) -> bytes:
    """The letters of base64 that `core` alone decides, with `before` bytes ahead of it."""
    encoded = base64.b64encode(bytes(before) + core).rstrip(b"=")
    first = -(-before * 8 // 6)
    last = (before + len(core)) * 8 // 6
    return encoded[first:last]


def found_in(places: Mapping[str, bytes], canaries: Iterable[Canary]) -> list[str]:
    """`canary in place` for each; never a value."""
    return [
        f"{canary.name} in {place}"
        for canary in canaries
        for place, content in places.items()
        if any(needle in content for needle in canary.needles)
    ]


# --- the places ---


def files(label: str, root: Path) -> Places:
    """Every file below a folder, and the names of all of them."""
    listed = sorted(root.rglob("*"))
    found: Places = {f"{label}: names": "\n".join(map(str, listed)).encode()}
    for path in listed:
        if path.is_file() and not path.is_symlink():
            found[f"{label}: {path.relative_to(root)}"] = _read(path)
    return found


def processes() -> Places:
    """Environment and command line of every process on the machine."""
    found: Places = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            for what in ("environ", "cmdline"):
                found[f"process {folder.name}: {what}"] = _read(folder / what)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it went away meanwhile
        return b""


def redis_keys(url: str) -> Places:
    """Every key with its whole content, and the log of slow commands."""
    client: Any = redis.Redis.from_url(url)
    try:
        found = {
            f"redis: {key.decode('utf-8', 'replace')}": repr(_content(client, key)).encode()
            for key in client.scan_iter()
        }
        return {**found, "redis: slow log": repr(client.slowlog_get(1000)).encode()}
    finally:
        client.close()


def _content(client: Any, key: bytes) -> object:
    match client.type(key):
        case b"stream":
            return key, client.xrange(key), client.xinfo_stream(key)
        case b"hash":
            return key, client.hgetall(key)
        case b"list":
            return key, client.lrange(key, 0, -1)
        case b"set":
            return key, client.smembers(key)
        case b"zset":
            return key, client.zrange(key, 0, -1, withscores=True)
        case _:
            return key, client.get(key)


async def tables(database: Database) -> Places:
    """Every table of the database as text, and what Postgres remembers of statements."""
    rows = await database.fetch(
        "select format('%I.%I', table_schema, table_name) as name from information_schema.tables"
        " where table_schema not in ('pg_catalog', 'information_schema')"
    )
    names = [str(row["name"]) for row in rows] + ["pg_catalog.pg_stat_activity"]
    found: Places = {}
    for name in names:
        texts = await database.fetch(f"select t::text as line from {name} t")
        found[f"table {name}"] = "\n".join(str(row["line"]) for row in texts).encode()
    return found


def containers(host: str) -> Places:
    """What the engine says of our containers and their image."""
    client = docker.from_env()
    try:
        found: Places = {}
        for row in client.api.containers(all=True, filters={"label": f"agentai.host={host}"}):
            for kind, name, look in _looks(client.api, row):
                found[f"{kind} {name}"] = json.dumps(look, default=str).encode()
        return found
    finally:
        client.close()


def _looks(api: Any, row: dict[str, Any]) -> Iterator[tuple[str, str, object]]:
    yield "container", row["Names"][0], api.inspect_container(row["Id"])
    yield "image", row["ImageID"], [api.inspect_image(row["ImageID"]), api.history(row["ImageID"])]


def conversations(world: World) -> Places:
    """The chat as it stands, its files, and everything the model was told."""
    state = world.telegram.state
    shown = [m for m in state.messages.values() if not m.deleted]
    found = {f"chat: message {m.id}": repr(m).encode() for m in shown}
    found |= {f"chat: file {name}": file.content for name, file in state.files.items()}
    prompts = [json.dumps(body, ensure_ascii=False).encode() for body in world.model.bodies]
    return found | {f"prompt {number}": body for number, body in enumerate(prompts, 1)}

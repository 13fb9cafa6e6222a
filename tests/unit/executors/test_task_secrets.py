from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from core.errors import Denied, UserFacing
from executors.gateway.hosts import parse_host
from executors.placeholders import Stand, token_of
from executors.task_secrets import TaskSecrets
from tests.unit.executors.in_memory import Books, Secrets

if TYPE_CHECKING:
    from core.vault import Vault

HOST, OTHER = parse_host("api.example.com"), parse_host("other.example.com")
STAND = Stand(name="KEY", host=HOST, header="authorization", token=token_of("key", 7, "KEY"))
HEADERS = ((b"authorization", STAND.token.encode()),)


class Room:
    """Secrets of a task over a vault in memory."""

    def __init__(self) -> None:
        self.vault = Secrets({"KEY": ("value-one", "{}")})
        self.facts = Books(("KEY", HOST)).effects.facts
        self.secrets = TaskSecrets(self.facts, cast("Vault", self.vault), (STAND,))


async def test_nothing_is_read_anew_that_did_not_move() -> None:
    room = Room()
    assert not await room.secrets.read_again()
    room.vault.host = OTHER
    assert room.secrets.is_any_for(HOST)
    assert await room.secrets.read_again()
    assert room.secrets.is_any_for(OTHER)
    assert not room.secrets.is_any_for(HOST)


async def test_the_kernel_hears_where_a_secret_may_go_now() -> None:
    room = Room()
    room.vault.host = OTHER
    await room.secrets.read_again()
    layer = room.facts.owner_layer()
    assert layer.grants_secret("KEY", OTHER)
    assert not layer.grants_secret("KEY", HOST)


async def test_a_moved_secret_is_neither_put_in_nor_learnt() -> None:
    room = Room()
    room.vault.host = OTHER
    await room.secrets.learn(HOST)
    assert room.secrets.scrub(b"value-one") == b"value-one"
    room = Room()
    room.vault.header = "x-api-key"
    with pytest.raises(Denied, match="another place"):
        await room.secrets.put_into(HEADERS, (STAND,))


async def test_a_deleted_secret_keeps_its_placeholder_which_opens_nothing() -> None:
    room = Room()
    room.vault.values.clear()
    assert not await room.secrets.read_again()
    await room.secrets.learn(HOST)
    with pytest.raises(UserFacing):
        await room.secrets.put_into(HEADERS, (STAND,))


async def test_answers_are_scrubbed_of_the_old_value_and_of_the_new_one() -> None:
    room = Room()
    assert await room.secrets.put_into(HEADERS, (STAND,)) == ((b"authorization", b"value-one"),)
    room.vault.values["KEY"] = ("value-one-longer", "{}")
    await room.secrets.put_into(HEADERS, (STAND,))
    token = STAND.token.encode()
    assert room.secrets.scrub(b"value-one value-one-longer") == token + b" " + token

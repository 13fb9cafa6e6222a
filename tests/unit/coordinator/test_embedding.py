"""Vectors of any service, and which service is asked."""

from __future__ import annotations

import base64
import math
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.embedding import (
    DIMENSION_CAP,
    EmbeddingFailed,
    batches,
    chosen,
    read_vectors,
    unit,
    unpacked,
)
from core.config import SPECS, Config
from core.errors import Bug

if TYPE_CHECKING:
    from core.config.spec import Value

NUMBERS = st.floats(-1000, 1000, width=32)


def config(**given_values: Value) -> Config:
    values = {name: spec.default for name, spec in SPECS.items()}
    values |= {"model.base_url": "https://models.example/v1", "model.api_key": "sk-model"}
    values |= {name.replace("__", "."): value for name, value in given_values.items()}
    return Config(version=1, sources={}, values=values)


@pytest.mark.parametrize(
    ("values", "address", "key"),
    [
        ({}, None, None),
        ({"embedding__base_url": "https://other.example"}, None, None),
        ({"embedding__model": "e"}, "https://models.example/v1", "sk-model"),
        (
            {"embedding__model": "e", "embedding__base_url": "https://other.example"},
            "https://other.example", "none",
        ),
        (
            {
                "embedding__model": "e", "embedding__base_url": "https://other.example",
                "embedding__api_key": "sk-own",
            },
            "https://other.example", "sk-own",
        ),
        (
            {"embedding__model": "e", "embedding__api_key": "sk-own"},
            "https://models.example/v1", "sk-own",
        ),
    ],
)  # fmt: skip
def test_the_key_of_the_model_service_goes_to_no_other_address(
    values: dict[str, Value], address: str | None, key: str | None
) -> None:
    route = chosen(config(**values))
    assert (route.base_url if route else None) == address
    assert (route.api_key if route else None) == key


@given(st.lists(st.text(), min_size=1), st.integers(1, 10))
def test_batches_hold_every_text_once_in_order(texts: list[str], size: int) -> None:
    made = list(batches(texts, size))
    assert [text for batch in made for text in batch] == texts
    assert all(1 <= len(batch) <= size for batch in made)


@given(st.lists(NUMBERS, max_size=30))
def test_packed_numbers_are_read_in_rows(numbers: list[float]) -> None:
    packed = base64.b64encode(array("f", numbers).tobytes()).decode()
    if len(numbers) % 3:
        with pytest.raises(Bug):
            unpacked(packed, 3)
    else:
        assert [n for row in unpacked(packed, 3) for n in row] == numbers


def test_what_is_not_base64_is_a_bug() -> None:
    for packed in ("?", "AAA=", "AAAAA"):
        with pytest.raises(Bug):
            unpacked(packed, 1)


def answer(*rows: tuple[int, list[float]]) -> dict[str, object]:
    return {"data": [{"index": index, "embedding": row} for index, row in rows]}


def test_vectors_come_in_the_order_of_the_texts_with_length_one() -> None:
    first, second = read_vectors(answer((1, [0.0, 2.0]), (0, [3.0, 4.0])), 2)
    assert list(first) == pytest.approx([0.6, 0.8])
    assert list(second) == [0.0, 1.0]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"data": []}, {"data": 7}, {"error": {"code": 500, "message": "x"}}, {"data": [7]},
        answer((0, [1.0]), (1, [1.0])), answer((0, [])), answer((0, [0.0, 0.0])),
        answer((0, [math.inf])), answer((0, [math.nan])), answer((0, [1.0] * (DIMENSION_CAP + 1))),
        {"data": [{"index": "x", "embedding": [1.0]}]}, {"data": [{"index": 0, "embedding": "AA"}]},
        {"data": [{"index": 0, "embedding": [None]}]}, answer((0, [1e300])),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_a_failure(body: dict[str, object]) -> None:
    with pytest.raises(EmbeddingFailed):
        read_vectors(body, 1)


def test_two_lengths_in_one_answer_are_a_failure() -> None:
    with pytest.raises(EmbeddingFailed):
        read_vectors(answer((0, [1.0]), (1, [1.0, 2.0])), 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["data", "index", "embedding", "error", "code"]), inner, max_size=4
    ),
    max_leaves=15,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["data", "error", "usage"]), JSON), st.integers(1, 3))
def test_any_answer_is_vectors_or_a_failure(body: dict[str, object], count: int) -> None:
    with suppress(EmbeddingFailed):
        assert len(read_vectors(body, count)) == count


@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_a_unit_vector_has_length_one(numbers: list[float]) -> None:
    with suppress(EmbeddingFailed):
        made = unit(array("f", numbers))
        assert math.sqrt(sum(n * n for n in made)) == pytest.approx(1.0, abs=1e-3)

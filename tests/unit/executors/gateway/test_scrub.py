from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from executors.gateway.scrub import Window, scrub_headers

SECRET = b"s3cret-value"
PLACEHOLDER = b"{{key}}"


def scrub(piece: bytes) -> bytes:
    return piece.replace(SECRET, PLACEHOLDER)


TEXT = st.lists(
    st.sampled_from([SECRET, b"s3", b"cret", b"-value", b"x", b"\n", b"{{"]), max_size=30
)


@given(TEXT.map(b"".join), st.lists(st.integers(0, 300), max_size=12), st.integers(12, 40))
def test_however_it_is_cut_the_stream_is_scrubbed_whole(
    text: bytes, cuts: list[int], held_back: int
) -> None:
    window = Window(scrub, held_back)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    out = [window.push(text[a:b]) for a, b in pairwise(edges)]
    assert b"".join([*out, window.rest()]) == scrub(text)


def test_headers_and_the_first_line_are_scrubbed_together() -> None:
    headers = ((b"X-Echo", b"a: " + SECRET), (b"X-" + SECRET, b""))
    assert scrub_headers(scrub, b"OK " + SECRET, headers) == (
        (b"", b"OK {{key}}"),
        (b"X-Echo", b"a: {{key}}"),
        (b"X-{{key}}", b""),
    )

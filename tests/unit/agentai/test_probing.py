from __future__ import annotations

import ssl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentai.probing import fetch, key_address, listed_models, place, reason
from core.errors import UserFacing


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectTimeout("x"), "no answer within 5 s"),
        (httpx.ReadTimeout("x"), "no answer within 5 s"),
        (httpx.ConnectError("[Errno -2] Name or service not known"), "there is no such name"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] x"), "its certificate"),
        (httpx.ConnectError("All connection attempts failed"), "nobody answers there"),
        (httpx.ProxyError("403 Forbidden"), "the proxy"),
        (httpx.RemoteProtocolError("Server disconnected"), "broke off"),
        (ssl.SSLCertVerificationError("certificate verify failed"), "its certificate"),
    ],
)
def test_each_failure_has_words_of_its_own(error: Exception, words: str) -> None:
    assert words in reason(error)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.telegram.org/bot12:secret/getMe", "api.telegram.org"),
        ("http://user:secret@127.0.0.1:9/v1?key=secret", "127.0.0.1:9"),
        ("http://[::1", "that address"),
        ("http://host:secret/", "that address"),
        ("", "that address"),
    ],
)
def test_nothing_but_the_host_of_an_address_is_shown(url: str, shown: str) -> None:
    assert place(url) == shown


async def test_who_does_not_answer_is_named_without_the_token() -> None:
    with pytest.raises(UserFacing) as caught:
        await fetch("http://127.0.0.1:9/bot12:secret/getMe", name="Telegram", mend="Do this.")
    assert caught.value.text == ("Telegram cannot be reached at 127.0.0.1:9: nobody answers there.")
    assert caught.value.hint == "Do this."


def test_openrouter_is_asked_for_the_key_since_everybody_may_see_its_models() -> None:
    assert key_address("https://openrouter.ai/api/v1/") == "https://openrouter.ai/api/v1/key"
    assert key_address("http://127.0.0.1:8000/v1") == "http://127.0.0.1:8000/v1/models"
    assert key_address("https://openrouter.ai.evil.example/v1").endswith("/models")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ('{"data": [{"id": "a"}, {"id": "b/c"}, {"id": 3}, "x"]}', {"a", "b/c"}),
        ('{"data": {"id": "a"}}', set()),
        ("[1]", set()),
        ("<html>", set()),
        ("[" * 100_000, set()),
    ],
)
def test_only_a_real_list_of_models_counts(body: str, names: set[str]) -> None:
    assert listed_models(body) == names


@given(st.text(max_size=60))
def test_no_text_breaks_either(text: str) -> None:
    assert isinstance(listed_models(text), frozenset)
    assert isinstance(place(text), str)

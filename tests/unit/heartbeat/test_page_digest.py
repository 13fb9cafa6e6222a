from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat.page_digest import digest, visible_text

HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>One</p><p>two</p>", "One two"),
        ("<h1>Hi</h1>\n\n  there<br>you", "Hi there you"),
        ("a<script nonce=x>var n = '<p>no</p>';</script>b", "ab"),
        ("<style>p { color: red }</style><b>bo</b>ld", "bold"),
        ("<p>open <noscript>not this</noscript>end", "open end"),
        ("caf&eacute; &amp; more", "caf\u00e9 & more"),
        ("</div></script>stray ends", "stray ends"),
        ("<template><p>x</template>after", "after"),
        ("", ""),
    ],
)
def test_only_what_a_reader_sees_counts(page: str, text: str) -> None:
    assert visible_text(page) == text


def test_a_nonce_is_no_change_and_a_word_is() -> None:
    first = digest(b"<script nonce=1></script><p class=a>same</p>", HTML)
    assert digest(b"<script nonce=2></script>\n<p class=b> same </p>", HTML) == first
    assert digest(b"<p>other</p>", HTML) != first


def test_of_what_is_no_html_every_byte_counts() -> None:
    assert digest(b"{}", "application/json") != digest(b"{ }", "application/json")
    assert digest(b"\xff\xfe", "text/html") == digest(b"\xff\xfe", HTML)


@given(st.text())
def test_any_page_has_a_text(page: str) -> None:
    text = visible_text(page)
    assert text == " ".join(text.split())

"""A multipart form is read only when every reader would find the same in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.multipart import Part, parts

TYPE = "multipart/form-data; boundary=X"


def field(name: str, value: str) -> str:
    return f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


FILE = (
    '--X\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n'
    "Content-Type: text/plain\r\n\r\nabc\r\n"
)
END = "--X--\r\n"


def test_what_a_browser_writes_is_read() -> None:
    found = list(parts(TYPE, (field("a", "one\r\ntwo") + FILE + END).encode()))
    assert found == [
        Part(name="a", content=b"one\r\ntwo"), Part(name="f", content=b"abc", file="a.txt"),
    ]  # fmt: skip


HEAD = '--X\r\nContent-Disposition: form-data; name="amount"'
ODD = [
    (TYPE, "amount=1000\r\n" + field("a", "1") + END),
    (TYPE, field("a", "1") + END + field("amount", "1000") + END),
    (TYPE, field("a", "1") + END + "amount=1000"),
    (TYPE, HEAD + "\r\nContent-Transfer-Encoding: base64\r\n\r\nMTAwMA==\r\n" + END),
    (TYPE, HEAD + "\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+ADEAMA-\r\n" + END),
    (TYPE, HEAD + "; name*=utf-8''other\r\n\r\n1\r\n" + END),
    (TYPE, HEAD + '; name="other"\r\n\r\n1\r\n' + END),
    (TYPE, HEAD + "\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n" + END),
    (TYPE, field("a", "1\n--X\nContent-Disposition: form-data; name=b\n\n2") + END),
    (TYPE, END), (TYPE, ""), (TYPE, "--X"),
    (f"{TYPE}; boundary=Y", field("a", "1") + END),
    (f"{TYPE}; charset=utf-7", field("a", "1") + END),
    ("multipart/form-data", field("a", "1") + END),
    ("multipart/mixed; boundary=X", field("a", "1") + END),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body"), ODD, ids=range(len(ODD)))
def test_what_two_readers_understand_differently_is_no_form(kind: str, body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(parts(kind, body.encode()))


@given(st.lists(st.tuples(st.text("ab%", min_size=1), st.binary(max_size=30)), min_size=1))
def test_every_byte_of_a_form_is_in_a_part(wanted: list[tuple[str, bytes]]) -> None:
    pieces = [
        b'--QQ\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), v)
        for n, v in wanted
        if b"--QQ" not in v
    ]
    if not pieces:
        return
    body = b"".join(pieces) + b"--QQ--\r\n"
    kept = [(n, v) for n, v in wanted if b"--QQ" not in v]
    found = list(parts("multipart/form-data; boundary=QQ", body))
    assert [(p.name, p.content) for p in found] == kept

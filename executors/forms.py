"""What a browser's request sends, field by field, and secrets in its fields. Pure.

Threat: the owner approves a form that says something else than what leaves, or a stand-in is sent
where the secret behind it becomes readable to others. So the fields on the card are decoded here,
from the very bytes that the approval is bound to, and only where no two readers can differ: a body
in another character set, compressed, with a name twice in a JSON object or with bytes that no
field holds is shown as it is. A secret is put only into the values of a form's fields to its own
host over https, each time with an approval that names the field, and never anywhere else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, quote_plus

from executors.multipart import parts
from executors.placeholders import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from executors.gateway.ports import Asked, Headers
    from executors.placeholders import Stand

Kind = Literal["urlencoded", "multipart", "json"]
KINDS: dict[str, Kind] = {
    "application/x-www-form-urlencoded": "urlencoded", "multipart/form-data": "multipart",
    "application/json": "json",
}  # fmt: skip
REPORTS = (b"text/ping", b"application/csp-report", b"application/reports+json")
FIELDS_CAP = 200
DEPTH_CAP = 8
DECODED_CAP = 512 * 1024
HIDING = frozenset(
    ("password", "passwd", "pwd", "pass", "passphrase", "passcode", "secret", "token", "csrf",
     "xsrf", "otp", "pin", "cvv", "cvc")
)  # fmt: skip
HIDING_STARTS = ("password", "passwd", "csrf", "xsrf")
HIDDEN_CAP = 128  # what is longer is no password, and the owner should see it
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[a-z0-9]+")
_PLAIN_UTF8 = re.compile(r'|charset="?utf-8"?', re.IGNORECASE)
_GAP = re.compile(r"[^\S\n]{3,}")
_OUR_WORDS = ("(your secret", "(hidden", "(the file", "(empty")
_SIMPLE = (b"cors", b"no-cors", b"same-origin")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a form as it is sent."""

    name: str
    value: str
    is_file: bool = False


def kind_of(headers: Headers) -> Kind | None:
    """How the body is written; None for what is no form."""
    said = _types(headers)
    return KINDS.get(said[0].partition(";")[0].strip().lower()) if len(said) == 1 else None


def may_be_form(headers: Headers) -> bool:
    """Whether an HTML form may have made the request, of any page in the world.

    Forms and scripts of foreign pages can send the two form types, `text/plain` and none at all. A
    page's own script says so in headers that no page can forge (W3C Fetch Metadata).
    """
    if kind_of(headers) in {"urlencoded", "multipart"} or _all(headers, b"sec-fetch-dest") in (
        [b"document"], [b"iframe"], [b"frame"],
    ):  # fmt: skip
        return True
    said = _types(headers)
    if len(said) == 1 and said[0].partition(";")[0].strip().lower() not in {"", "text/plain"}:
        return False
    is_own = _all(headers, b"sec-fetch-site") == [b"same-origin"]
    mode = _all(headers, b"sec-fetch-mode")
    return len(said) > 1 or not is_own or len(mode) != 1 or mode[0] not in _SIMPLE


def _types(headers: Headers) -> list[str]:
    return [value.decode("latin-1") for value in _all(headers, b"content-type")]


def _all(headers: Headers, wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def fields(asked: Asked) -> tuple[Field, ...] | None:
    """The fields of a request's body in order; None when it cannot be read as a form."""
    if not asked.body or len(asked.body) > DECODED_CAP or _all(asked.headers, b"content-encoding"):
        return None
    try:
        found = tuple(_read(asked))
    except (ValueError, RecursionError, LookupError):
        return None
    return found if found and len(found) <= FIELDS_CAP else None


def _read(asked: Asked) -> Iterator[Field]:
    kind = kind_of(asked.headers)
    if kind is None:
        raise ValueError("no form")
    said = _types(asked.headers)[0]
    if kind == "multipart":
        yield from _parts(said, asked.body)
        return
    if not _PLAIN_UTF8.fullmatch(said.partition(";")[2].strip()):
        raise ValueError("another character set")
    text = asked.body.decode("utf-8")
    if kind == "json":
        whole = json.loads(
            text, object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str
        )
        yield from _flat(whole, "", 0)
        return
    pairs = parse_qsl(
        text, keep_blank_values=True, max_num_fields=FIELDS_CAP, strict_parsing=True,
        errors="strict",
    )  # fmt: skip
    yield from (Field(name=name, value=value) for name, value in pairs)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object whose names differ: of two values under one name each reader takes another."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _flat(value: object, name: str, depth: int) -> Iterator[Field]:
    if depth > DEPTH_CAP:
        raise ValueError("too deep")
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{name}[{index}]", depth + 1)
    else:
        shown = value if isinstance(value, str) else json.dumps(value)
        yield Field(name=name or "value", value=shown)


def _parts(content_type: str, body: bytes) -> Iterator[Field]:
    """A multipart form; of a file its name and size."""
    for part in parts(content_type, body):
        if part.file is not None:
            value = f"(the file {part.file!r}, {len(part.content)} bytes)"
            yield Field(name=part.name, value=value, is_file=True)
        else:
            yield Field(name=part.name, value=part.content.decode("utf-8"))


def shown_fields(found: Sequence[Field], stands: Sequence[Stand]) -> str:
    """The fields for a person, secrets and what is named like one hidden."""
    return "\n".join(f"{_line(f.name)} = {_shown(f, stands)}" for f in found)


def _shown(field: Field, stands: Sequence[Stand]) -> str:
    if field.is_file:
        return _line(field.value)
    value = _line(field.value)
    if field.value.startswith(_OUR_WORDS):
        value = f'"{value}"'
    for stand in stands:
        value = value.replace(stand.token, f"(your secret {stand.name})")
    if 0 < len(field.value) <= HIDDEN_CAP and MARK.decode() not in field.value:
        return f"(hidden, {len(field.value)} characters)" if _is_hiding(field.name) else value
    return value


def _is_hiding(name: str) -> bool:
    """Whether the name says that the value is for nobody's eyes: by whole words, as in `userPin`.

    A part of a word is not enough: "shipping" holds a "pin", and the owner must see it.
    """
    words = _WORD.findall(_CAMEL.sub(" ", name).lower())
    return any(word in HIDING or word.startswith(HIDING_STARTS) for word in words)


def _line(text: str) -> str:
    """One line; wide gaps are named, for a chat breaks lines there as if new fields began."""
    flat = " ⏎ ".join(text.splitlines()) or "(empty)"
    return _GAP.sub(lambda gap: f" ⟨{len(gap.group())} spaces⟩ ", flat)


def is_report(asked: Asked) -> bool:
    """Whether it is what browsers send by themselves: pings, and reports about policies."""
    said = [value for name, value in asked.headers if name == b"content-type"]
    return any(v.partition(b";")[0].strip().lower() in REPORTS for v in said)


# --- secrets in fields ---


def body_stands(asked: Asked, stands: Sequence[Stand]) -> tuple[Stand, ...]:
    """The stand-ins that a form holds in its values, when it goes to their own host over https."""
    if asked.scheme != "https" or MARK not in asked.body or (found := fields(asked)) is None:
        return ()
    values = "\n".join(field.value for field in found if not field.is_file)

    def is_placed(token: str) -> bool:
        return 0 < values.count(token) == asked.body.count(token.encode())

    return tuple(s for s in stands if s.is_for(asked.host) and is_placed(s.token))


def without(body: bytes, stands: Sequence[Stand]) -> bytes:
    """The body without these stand-ins: what is left must hold none."""
    for stand in stands:
        body = body.replace(stand.token.encode(), b"")
    return body


def filled(asked: Asked, body: bytes, stand: Stand, value: str) -> bytes:
    """The body with a secret in the place of its stand-in, written as the form is."""
    match kind_of(asked.headers):
        case "urlencoded":
            written = quote_plus(value)
        case "json":
            written = json.dumps(value)[1:-1]
        case _:
            written = value
    return body.replace(stand.token.encode(), written.encode())

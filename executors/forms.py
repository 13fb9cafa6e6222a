"""What a browser's request sends, field by field, and secrets in its fields. Pure.

Threat: the owner approves a form that says something else than what leaves, or a stand-in is sent
where the secret behind it becomes readable to others. So the fields on the card are decoded here,
from the very bytes that the approval is bound to; what cannot be decoded is shown as it is. A
secret is put only into the fields of a form to its own host over https, each time with an approval
that names the field, and never anywhere else in the request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, quote_plus

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
HIDING = ("password", "passwd", "pwd", "passphrase", "secret", "token", "csrf", "otp", "pin", "cvv",
          "cvc")  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a form as it is sent."""

    name: str
    value: str


def kind_of(headers: Headers) -> Kind | None:
    """How the body is written; None for what is no form."""
    said = [value for name, value in headers if name == b"content-type"]
    if len(said) != 1:
        return None
    return KINDS.get(said[0].decode("latin-1").partition(";")[0].strip().lower())


def fields(asked: Asked) -> tuple[Field, ...] | None:
    """The fields of a request's body in order; None when it cannot be read as a form."""
    if not asked.body or len(asked.body) > DECODED_CAP:
        return None
    try:
        found = tuple(_read(asked))
    except (ValueError, RecursionError, LookupError):
        return None
    return found if found and len(found) <= FIELDS_CAP else None


def _read(asked: Asked) -> Iterator[Field]:
    match kind_of(asked.headers):
        case "urlencoded":
            pairs = parse_qsl(
                asked.body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_CAP,
                strict_parsing=True,
            )  # fmt: skip
            yield from (Field(name=name, value=value) for name, value in pairs)
        case "json":
            yield from _flat(json.loads(asked.body), "", 0)
        case "multipart":
            yield from _parts(asked)
        case None:
            raise ValueError("no form")


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


def _parts(asked: Asked) -> Iterator[Field]:
    """A multipart form; of a file its name and size."""
    head = next(value for name, value in asked.headers if name == b"content-type")
    raw = b"Content-Type: " + head + b"\r\n\r\n" + asked.body
    message = BytesParser(policy=policy.HTTP).parsebytes(raw)
    if not message.is_multipart() or message.defects:
        raise ValueError("no parts")
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise ValueError("no name")  # noqa: TRY004 - a form that cannot be read
        if (file := part.get_filename()) is not None:
            yield Field(name=name, value=f"(the file {file!r}, {len(content)} bytes)")
        else:
            yield Field(name=name, value=content.decode("utf-8"))


def shown_fields(found: Sequence[Field], stands: Sequence[Stand]) -> str:
    """The fields for a person, secrets and what is named like one hidden."""
    return "\n".join(f"{_line(f.name)} = {_shown(f, stands)}" for f in found)


def _shown(field: Field, stands: Sequence[Stand]) -> str:
    value = field.value
    for stand in stands:
        value = value.replace(stand.token, f"(your secret {stand.name})")
    if value == field.value and value and any(word in field.name.lower() for word in HIDING):
        return f"(hidden, {len(value)} characters)"
    return _line(value)


def _line(text: str) -> str:
    return " ⏎ ".join(text.splitlines()) or "(empty)"


def is_report(asked: Asked) -> bool:
    """Whether it is what browsers send by themselves: pings, and reports about policies."""
    said = [value for name, value in asked.headers if name == b"content-type"]
    return any(v.partition(b";")[0].strip().lower() in REPORTS for v in said)


# --- secrets in fields ---


def body_stands(asked: Asked, stands: Sequence[Stand]) -> tuple[Stand, ...]:
    """The stand-ins in a form that goes to their own host over https."""
    if asked.scheme != "https" or MARK not in asked.body or fields(asked) is None:
        return ()
    return tuple(s for s in stands if s.is_for(asked.host) and s.token.encode() in asked.body)


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

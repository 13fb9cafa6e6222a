"""A local IMAP server, as far as a client that reads and waits can tell (RFC 3501, 2177).

It keeps one mailbox with one folder, speaks on loopback (with `tls` over TLS), pushes `EXISTS` to
clients in IDLE, names at least the last mail for `UID n:*`, and can drop its connections.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@dataclass
class ImapServer:
    """Start it with `async with`; `deliver` puts mail in, `drop` cuts every connection."""

    user: str = "me"
    password: str = "pass word"
    validity: int = 7
    mails: dict[int, bytes] = field(default_factory=dict)
    next_uid: int = 1
    said: list[str] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> ImapServer:
        self._writers: set[asyncio.StreamWriter] = set()
        self._idle: set[asyncio.StreamWriter] = set()
        self.idling = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drop()
        self._server.close()
        await self._server.wait_closed()

    @property
    def spec(self) -> dict[str, object]:
        is_tls = self.tls is not None
        return {"host": "127.0.0.1", "port": self.port, "user": self.user, "tls": is_tls}

    def deliver(self, sender: str, subject: str, text: str = "Hello") -> int:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, "me@example.org", subject
        message.set_content(text)
        uid = self.next_uid
        self.mails[uid] = message.as_bytes()
        self.next_uid += 1
        for writer in self._idle:
            writer.write(f"* {len(self.mails)} EXISTS\r\n".encode())
        return uid

    def drop(self) -> None:
        self.idling.clear()
        self._idle.clear()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        writer.write(b"* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n")
        try:
            while line := await reader.readline():
                tag, _, command = line.decode().strip().partition(" ")
                self.said.append(re.sub(r"(?i)^(login).*", r"\1", command))
                done = await self._answer(command, reader, writer)
                writer.write(f"{tag} {done}\r\n".encode())
                await writer.drain()
                if command.upper() == "LOGOUT":
                    break
        except (OSError, UnicodeDecodeError):
            return
        finally:
            self._writers.discard(writer)
            self._idle.discard(writer)
            writer.close()

    async def _answer(
        self, command: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        verb = command.upper()
        if verb == "CAPABILITY":
            writer.write(b"* CAPABILITY IMAP4rev1 IDLE\r\n")
        elif verb.startswith("LOGIN "):
            if command[6:] not in {
                f'{self.user} "{self.password}"',
                f'"{self.user}" "{self.password}"',
            }:
                return "NO [AUTHENTICATIONFAILED] wrong"
        elif verb.startswith(("SELECT ", "EXAMINE ")):
            self._select(writer)
        elif verb.startswith("UID SEARCH UID "):
            self._search(verb, writer)
        elif verb.startswith("UID FETCH "):
            self._fetch(verb, writer)
        elif verb == "IDLE":
            await self._idle_until_done(reader, writer)
        elif verb == "LOGOUT":
            writer.write(b"* BYE\r\n")
        elif verb != "NOOP":
            return "BAD unknown"
        return "OK done"

    def _select(self, writer: asyncio.StreamWriter) -> None:
        lines = [
            "* FLAGS (\\Seen)", f"* {len(self.mails)} EXISTS", "* 0 RECENT",
            f"* OK [UIDVALIDITY {self.validity}] ok", f"* OK [UIDNEXT {self.next_uid}] ok",
        ]  # fmt: skip
        writer.write("".join(f"{line}\r\n" for line in lines).encode())

    def _search(self, verb: str, writer: asyncio.StreamWriter) -> None:
        first = int(verb.rsplit(" ", 1)[1].partition(":")[0])
        last = max(self.mails, default=0)
        found = [uid for uid in self.mails if min(first, last) <= uid]
        writer.write(f"* SEARCH {' '.join(map(str, found))}".rstrip().encode() + b"\r\n")

    def _fetch(self, verb: str, writer: asyncio.StreamWriter) -> None:
        found = re.match(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", verb)
        assert found, verb
        uid, size = int(found[1]), int(found[2])
        if uid in self.mails:
            number = sorted(self.mails).index(uid) + 1
            raw = self.mails[uid][:size]
            head = f"* {number} FETCH (UID {uid} BODY[]<0> {{{len(raw)}}}\r\n"
            writer.write(head.encode() + raw + b")\r\n")

    async def _idle_until_done(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"+ idling\r\n")
        self._idle.add(writer)
        self.idling.set()
        while (line := await reader.readline()) and line.strip().upper() != b"DONE":
            pass
        self._idle.discard(writer)
        self.idling.clear()

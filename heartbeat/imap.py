"""One IMAP mailbox through the standard library: blocking, so it runs in a thread of its own.

Threat: a mail's sender line can be forged and its content says anything. Sender rules only choose
which mails count; they prove nothing, and the content stays untrusted. Mail is fetched with `PEEK`
from a folder opened read-only: nothing in the mailbox changes. TLS is verified; without TLS only
loopback is dialled. At most 64 KB of a mail are read, and only short ones of the few headers that
are needed: Python's parser takes seconds for some long ones, and fails on deep ones. A mail that
cannot be parsed is passed over, for otherwise it would come again for ever.

IDLE is RFC 2177; Python 3.11's `imaplib` has no call for it, so its lines are sent here.
"""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.errors import MessageError
from email.utils import getaddresses
from typing import TYPE_CHECKING

from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from email.message import EmailMessage
    from pathlib import Path

MAIL_BYTES = 65_536
DIAL_S = 30.0
REFUSED_S = 60.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TAG = b"IDLE1"
_TEXT_CAP = 20_000
_HEADER_CAP = 2_000
_NEEDED = (b"from:", b"subject:", b"content-type:", b"content-transfer-encoding:", b"mime-version:")
_HEADER = re.compile(rb"[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*(?:\r?\n|\Z)")
_UNREADABLE = (LookupError, ValueError, AttributeError, TypeError, RecursionError, MessageError)


class Refused(Retryable):
    """The mailbox stays out of reach until somebody mends something; its text is for the owner."""

    def __init__(self, text: str) -> None:
        super().__init__(text, REFUSED_S)


@dataclass(frozen=True, kw_only=True, slots=True)
class MailAddress:
    """Where a mailbox is and who may be heard from. The password is kept out of reprs."""

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 993
    folder: str = "INBOX"
    is_tls: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One mail: its number in the folder, its single sender or nothing, and what it says."""

    uid: int
    sender: str
    subject: str
    text: str


def address_of(spec: Mapping[str, object], password: str) -> MailAddress:
    """A trigger's `spec` as an address; `UserFacing` when it cannot be dialled safely."""
    host, user = str(spec.get("host", "")), str(spec.get("user", ""))
    is_tls = spec.get("tls", True) is not False
    if not host or not user:
        raise UserFacing("The mailbox has no host or no user.", "Set both in the trigger.")
    if re.search(r'["\\\r\n\x00]', f"{host}{user}{spec.get('folder', '')}"):
        raise UserFacing("The mailbox has odd characters.", "Leave out quotes and line ends.")
    if not is_tls and host not in _LOOPBACK:
        raise UserFacing("Mail without TLS is for this machine only.", "Leave `tls` out.")
    port = spec.get("port")
    return MailAddress(
        host=host, user=user, password=password, is_tls=is_tls,
        port=int(port) if isinstance(port, int | str) else 993,
        folder=str(spec.get("folder") or "INBOX"),
    )  # fmt: skip


def may_pass(sender: str, rules: Collection[str]) -> bool:
    """Whether a rule names the sender: an address, `@domain`, or `*`. Without rules nobody does."""
    name = sender.casefold()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", name):
        return False
    whole = {rule.strip().casefold() for rule in rules}
    return "*" in whole or name in whole or "@" + name.partition("@")[2] in whole


def read_mail(uid: int, raw: bytes) -> Mail:
    """A mail from its bytes, perhaps cut; never raises. Two senders count as none."""
    try:
        message = message_from_bytes(_needed(raw), policy=policy.default)
        senders = getaddresses([str(h) for h in message.get_all("From", [])])
        sender = senders[0][1] if len(senders) == 1 else ""
        subject = str(message.get("Subject", ""))[:500]
    except _UNREADABLE:  # what the parser cannot bear
        return Mail(uid=uid, sender="", subject="", text="")
    return Mail(uid=uid, sender=sender, subject=subject, text=_text(message)[:_TEXT_CAP])


def _needed(raw: bytes) -> bytes:
    """The mail with the headers that count; one that is too long is left out. Pure."""
    kept, at = b"", 0
    while (found := _HEADER.match(raw, at)) and (line := found[0]).strip():
        at = found.end()
        if line.lower().startswith(_NEEDED) and len(line) <= _HEADER_CAP:
            kept += line
    return kept + raw[at:]


def _text(message: EmailMessage) -> str:
    try:
        part = message.get_body(preferencelist=("plain", "html"))
        content = "" if part is None else part.get_content()
    except _UNREADABLE:
        return ""
    return content if isinstance(content, str) else ""


class Mailbox:
    """A connection to one folder. Every method blocks, and raises `Retryable` when it breaks.

    `ca_file` names authorities that count besides those of the system.
    """

    def __init__(self, address: MailAddress, *, ca_file: Path | None = None) -> None:
        self._address = address
        self._ca_file = ca_file
        self._imap: imaplib.IMAP4 | None = None

    def open(self) -> int:
        """Connects and opens the folder read-only; returns its UIDVALIDITY."""
        try:
            imap = self._imap = self._dial()
            self._log_in(imap)
            status, _ = imap.select(f'"{self._address.folder}"', readonly=True)
            if status != "OK":
                raise Refused(f"There is no mail folder {self._address.folder}.")
            return int(imap.response("UIDVALIDITY")[1][0])
        except ssl.SSLCertVerificationError as error:
            raise Refused(
                f"The certificate of {self._address.host} is not trusted"
                f" ({error.verify_message}). No password was sent."
            ) from error
        except (imaplib.IMAP4.error, OSError, TypeError, ValueError) as error:
            raise _away(error) from error

    def _log_in(self, imap: imaplib.IMAP4) -> None:
        try:
            imap.login(self._address.user, self._address.password)
        except imaplib.IMAP4.abort:
            raise  # the connection broke
        except imaplib.IMAP4.error as error:
            text = f"{self._address.host} refused the login of {self._address.user}."
            raise Refused(text) from error

    def _dial(self) -> imaplib.IMAP4:
        host, port = self._address.host, self._address.port
        if not self._address.is_tls:
            return imaplib.IMAP4(host, port, timeout=DIAL_S)
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(cafile=self._ca_file)
        return imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=DIAL_S)

    def uids_after(self, uid: int) -> list[int]:
        """Numbers of the mails after `uid`, ascending."""
        try:
            _, found = self._live().uid("SEARCH", f"UID {uid + 1}:*")
            numbers = [int(word) for word in (found[0] or b"").split()]
        except (imaplib.IMAP4.error, OSError, ValueError, IndexError) as error:
            raise _away(error) from error
        return sorted(n for n in numbers if n > uid)  # RFC 3501: `n:*` names the last one at least

    def fetch(self, uid: int) -> Mail | None:
        """One mail; None when it is gone."""
        try:
            _, found = self._live().uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{MAIL_BYTES}>)")
        except (imaplib.IMAP4.error, OSError) as error:
            raise _away(error) from error
        raw = next((part[1] for part in found if isinstance(part, tuple)), None)
        return None if raw is None else read_mail(uid, raw)

    def idle(self, seconds: float) -> bool:
        """Waits for news of the folder, at most `seconds`; False: none, and we are closed."""
        imap = self._live()
        try:
            imap.sock.settimeout(seconds)
            imap.send(_TAG + b" IDLE\r\n")
            while True:
                line = imap.readline()
                if not line or line.startswith(_TAG):
                    raise Retryable("the mail server does not wait with us", 30)
                if line.startswith(b"*") and line.rstrip().upper().endswith(b" EXISTS"):
                    break
            imap.send(b"DONE\r\n")
            while (line := imap.readline()) and not line.startswith(_TAG):
                pass
        except TimeoutError:
            self.close()  # a file object that timed out cannot be read from again
            return False
        except (imaplib.IMAP4.error, OSError) as error:
            raise _away(error) from error
        imap.sock.settimeout(DIAL_S)
        return True

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._imap is not None

    def close(self) -> None:
        """Ends the connection; from another thread it ends a wait under way."""
        imap, self._imap = self._imap, None
        if imap is not None:
            with suppress(OSError):  # a thread that reads holds the file's lock until this wakes it
                imap.sock.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                imap.shutdown()

    def _live(self) -> imaplib.IMAP4:
        if self._imap is None:
            raise Retryable("the mailbox is closed", 1)
        return self._imap


def _away(error: Exception) -> Retryable:
    return Retryable(f"the mail server does not answer: {type(error).__name__}", 30)

"""Where the embedded services may live so that an unprivileged user reaches them.

Three problems are solved here, without touching a folder that is not ours:

- The instance's folder may lie under one that only root may enter (`/root`). The servers get their
  data folder as working directory and call it `/proc/self/cwd`; that needs no permission on the
  folders above it.
- Programs must be reachable by path. Where the virtual environment is not, they are copied once to
  `/var/cache`.
- A unix socket's path holds 107 bytes. Sockets live in a short folder under `/run` or `/tmp`, named
  by a hash.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from agentai.process import Account
from core.errors import UserFacing

if TYPE_CHECKING:
    from collections.abc import Iterable

SELF = "/proc/self/cwd"
PROGRAM_CACHE = Path("/var/cache/agentai")


def service_account(data: Path, *, uid: int) -> Account | None:
    """Who runs a server whose data is in `data`: None (ourselves) unless we are root.

    An existing folder keeps its owner. A new one is given to `uid`, a number that no person has, or
    to `nobody` where that number does not exist (in some user namespaces).
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        owner = data.stat()
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    return Account(uid=uid, gid=uid) if _has_id(uid) else nobody()


def nobody() -> Account:
    """The account that owns nothing."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise UserFacing(
            "This system has no user called nobody.", "Add one, or do not run as root."
        ) from None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _has_id(uid: int) -> bool:
    lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    spans = [tuple(int(n) for n in line.split()) for line in lines]
    return any(first <= uid < first + length for first, _, length in spans)


def private_folder(path: Path, account: Account | None = None) -> Path:
    """Makes `path` a folder that only its owner may enter, and gives it to `account`.

    Refuses a link or somebody else's folder, which a stranger could have put there first.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    expected = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {expected, os.geteuid()}:
        raise UserFacing(f"{path} belongs to somebody else.", "Remove it, then start again.")
    path.chmod(0o700)
    if account:
        os.chown(path, account.uid, account.gid)
    return path


def socket_folder(home: Path) -> Path:
    """Makes the short folder for the sockets of the instance at `home`; others cannot list it."""
    name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    for base in _socket_bases():
        if os.access(base.parent, os.W_OK | os.X_OK):
            base.mkdir(mode=0o711, exist_ok=True)
            if base.lstat().st_uid != os.geteuid() or base.is_symlink():
                continue
            folder = base / name
            folder.mkdir(mode=0o711, exist_ok=True)
            return folder
    raise UserFacing("No folder for sockets can be made.", "Make /run or /tmp writable.")


def remove_socket_folder(home: Path) -> None:
    """Removes the sockets of the instance at `home`, once its servers have stopped."""
    shutil.rmtree(socket_folder(home), ignore_errors=True)


def _socket_bases() -> Iterable[Path]:
    uid = os.geteuid()
    if uid == 0:
        yield Path("/run/agentai")
    elif runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "agentai"
    yield Path(f"/tmp/agentai-{uid}")  # noqa: S108 - owner and kind are checked before use


def package_folder(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise UserFacing(f"The package {name} is not installed.", "Run `make up` again.")
    return Path(spec.origin).parent


def reachable(
    packages: Path, names: tuple[str, ...], *, main: Path, account: Account | None
) -> Path:
    """Finds a folder with the subfolders `names` of `packages` where `account` may run `main`.

    That is `packages` itself where possible. Otherwise a copy owned by root, made once for each
    version.
    """
    if account is None or others_may_run(packages / main):
        return packages
    facts = (packages / main).stat()
    key = hashlib.sha256(f"{main}:{facts.st_size}:{facts.st_mtime_ns}".encode()).hexdigest()[:12]
    target = PROGRAM_CACHE / f"{names[0].partition('/')[0]}-{key}"
    if not target.exists():
        _copy(packages, names, target)
    return target


def _copy(packages: Path, names: tuple[str, ...], target: Path) -> None:
    PROGRAM_CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=PROGRAM_CACHE, prefix=".new-"))
    skip = shutil.ignore_patterns("include", "pgxs", "*.a", "pkgconfig", "__pycache__", "*.py")
    for name in names:
        shutil.copytree(packages / name, fresh / name, symlinks=True, ignore=skip)
    for folder in [fresh, *(p for p in fresh.rglob("*") if p.is_dir())]:
        folder.chmod(0o755)
    try:
        fresh.rename(target)
    except OSError:  # another instance was faster; its copy is the same
        shutil.rmtree(fresh, ignore_errors=True)


def others_may_run(program: Path) -> bool:
    """Whether any user may execute `program`: every folder above it can be entered by all."""
    may_run = program.stat().st_mode & 0o005 == 0o005
    return may_run and all(folder.stat().st_mode & 0o001 for folder in program.parents)

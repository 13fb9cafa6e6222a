"""Job `fetch_voice_model`: downloads a Whisper model once, and tells how far it is.

    {"model": "base", "folder": FOLDER} → {"path": FOLDER OF THE MODEL}

The model is data for an inference library: no code in it is run. It lies in plain files in a folder
of its own, so that the process which transcribes may read that folder and nothing else.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coordinator.heavy.telling import tell
from core.errors import Retryable, UserFacing

if TYPE_CHECKING:
    from collections.abc import Iterator

# Names that people use, the repository that holds the model, and its size in MB.
MODELS: dict[str, tuple[str, int]] = {
    **{
        name: (f"Systran/faster-whisper-{name}", size)
        for name, size in (
            ("tiny", 78), ("tiny.en", 78), ("base", 148), ("base.en", 148), ("small", 486),
            ("small.en", 486), ("medium", 1530), ("medium.en", 1530), ("large-v2", 3090),
            ("large-v3", 3090),
        )
    },
    "distil-large-v3": ("Systran/faster-distil-whisper-large-v3", 1510),
    "turbo": ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1620),
}  # fmt: skip
FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
_DONE = ".complete"
_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")


def run(payload: dict[str, Any]) -> dict[str, Any]:
    """Returns the model's folder; downloads only what is not there yet."""
    repository, size_mb = source(str(payload["model"]))
    place = _place(repository, Path(payload["folder"]))
    if not (place / _DONE).is_file():
        with _telling(place, size_mb):
            _download(repository, place)
        (place / _DONE).touch()
    return {"path": str(place)}


def kept(name: str, folder: Path) -> Path | None:
    """Where the model `name` lies when it was downloaded before."""
    place = _place(source(name)[0], folder)
    return place if (place / _DONE).is_file() else None


def _place(repository: str, folder: Path) -> Path:
    return folder / repository.replace("/", "--")


def source(name: str) -> tuple[str, int]:
    """The repository of a model, and its size in MB (0 when unknown)."""
    if name in MODELS:
        return MODELS[name]
    if _REPOSITORY.fullmatch(name) and ".." not in name:
        return name, 0
    raise UserFacing(
        f"There is no speech model called {name[:60]}.", f"Choose one of: {', '.join(MODELS)}."
    )


def share_done(bytes_there: int, size_mb: int) -> float:
    """How much of a download is there, from 0 to 0.99."""
    return min(bytes_there / (size_mb * 1e6), 0.99) if size_mb else 0.0


def _download(repository: str, place: Path) -> None:
    os.environ["HF_HOME"] = str(place.parent / ".cache")  # read when the library is imported
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        snapshot_download(repository, local_dir=place, allow_patterns=list(FILES))
    except RepositoryNotFoundError as error:
        raise UserFacing(f"There is no speech model called {repository}.") from error
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise Retryable("the speech model could not be downloaded", 60.0) from error
    if not (place / "model.bin").is_file():
        raise UserFacing(f"{repository} holds no model for faster-whisper.")


@contextmanager
def _telling(place: Path, size_mb: int) -> Iterator[None]:
    """Tells the size of what is there, once a second, while the block runs."""
    say, ended = tell.get(), threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            there = _size(place)
            say(share_done(there, size_mb), f"{there // 1_000_000} MB")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _size(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # just moved to its place
    return total

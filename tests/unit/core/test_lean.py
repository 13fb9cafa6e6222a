"""What serving must not load while it idles, seen in processes of their own."""

import subprocess
import sys

import pytest

from core.lean import without

HEAVY = (
    "aiohttp",
    "cryptography.hazmat",
    "rich",
    "numpy",
    "PIL",
    "mem0",
    "docker",
    "faster_whisper",
)


def loaded_by(code: str) -> set[str]:
    printing = "import sys\nprint(*(name for name, module in sys.modules.items() if module))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{printing}"],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return set(done.stdout.split())


def test_serving_with_a_model_loads_nothing_that_a_hello_does_not_need() -> None:
    found = loaded_by("import agentai.serve\nimport openai\nopenai.AsyncOpenAI(api_key='k')")
    assert not found & set(HEAVY)
    assert {"openai", "telegram"} <= found


def test_an_idle_executor_host_knows_no_cryptography() -> None:
    assert not loaded_by("import agentai.executor") & {*HEAVY, "openai", "telegram"}


def test_what_was_left_out_can_be_imported_later() -> None:
    code = "import bot.telegram_api\nimport cryptography.hazmat.primitives.ciphers.aead"
    assert "cryptography.hazmat.primitives.ciphers.aead" in loaded_by(code)


def test_an_import_fails_inside_and_works_outside() -> None:
    sys.modules.pop("this", None)
    with without("this"), pytest.raises(ImportError):
        import this  # noqa: F401
    assert "this" not in sys.modules


def test_what_is_loaded_already_stays() -> None:
    with without("json"):
        import json
    assert json is sys.modules["json"]

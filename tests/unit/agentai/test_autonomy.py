"""Heartbeat, schedules and triggers cost nothing until they are needed."""

import subprocess
import sys


def test_none_of_their_modules_is_loaded_with_the_serving_process() -> None:
    code = (
        "import sys, agentai.serve; "
        "print([m for m in sys.modules if m.split('.')[0] in ('heartbeat', 'cronsim', 'aiohttp')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"

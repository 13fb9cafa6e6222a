"""Starts Chromium in its container: own profile in memory, one way out, nothing in the background.

Why `--no-sandbox`: Chromium's own sandbox needs user namespaces or a set-uid program, and the
container has neither, on purpose: user namespaces open far more of the kernel to a hostile page
than the sandbox takes away. The container is the sandbox: it holds one task, no network, no secret
and no capability, and is thrown away. See docs/decisions/0015.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from executors.worker import network

if TYPE_CHECKING:
    from executors.browser.pipe import Pipe

PROGRAMS = ("/usr/lib/chromium/chromium", "/usr/bin/chromium")
SIZE = (1280, 800)
OFF = (
    "AcceptCHFrame", "AutofillServerCommunication", "BackForwardCache",
    "CertificateTransparencyComponentUpdater", "DestroyProfileOnBrowserClose",
    "DialMediaRouteProvider", "GlobalMediaControls", "HttpsUpgrades",
    "InterestFeedContentSuggestions", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying",
    "OnDeviceModelPerformanceParams", "OptimizationGuideModelDownloading", "OptimizationHints",
    "OptimizationHintsFetching", "PaintHolding",
    "PrivacySandboxSettings4", "Translate",
)  # fmt: skip
FLAGS = (
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run",
    "--no-default-browser-check", "--no-service-autorun", "--disable-gpu", "--mute-audio",
    "--disable-quic", "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy", "--disable-background-networking",
    "--disable-component-update", "--disable-component-extensions-with-background-pages",
    "--disable-default-apps", "--disable-extensions", "--disable-sync", "--disable-breakpad",
    "--disable-crash-reporter", "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-search-engine-choice-screen", "--disable-hang-monitor", "--disable-prompt-on-repost",
    "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding", "--metrics-recording-only", "--no-pings",
    # What asks Google by itself asks a name that nobody has instead, which is dialled directly.
    "--gaia-url=https://off.invalid", "--component-updater=url-source=https://off.invalid/u",
    "--allow-browser-signin=false", "--password-store=basic", "--use-mock-keychain",
    "--hide-scrollbars",
    "--disable-field-trial-config", "--export-tagged-pdf", "--allow-pre-commit-input",
    f"--disable-features={','.join(OFF)}", f"--window-size={SIZE[0]},{SIZE[1]}",
)  # fmt: skip
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "DBUS_SESSION_BUS_ADDRESS": "disabled:",
}


class Chromium:
    """One process of Chromium with its own profile."""

    def __init__(self, scratch: str, port: int) -> None:
        self._home = Path(scratch, "browser")
        self._port = port
        self._pid: int | None = None

    def start(self, pipe: Pipe) -> None:
        """Starts it with a new profile; it speaks over `pipe`. Raises `OSError`."""
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(mode=0o700)
        program = next((p for p in PROGRAMS if os.access(p, os.X_OK)), PROGRAMS[0])
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(self._home / "log"), os.O_WRONLY | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, pipe.browser_reads, 3),
            (os.POSIX_SPAWN_DUP2, pipe.browser_writes, 4),
        ]
        environment = {**ENVIRONMENT, "HOME": str(self._home), "TMPDIR": str(self._home)}
        self._pid = os.posix_spawn(
            program, [program, *flags(self._home, self._port)], environment,
            file_actions=actions, setsid=True,
        )  # fmt: skip
        for end in (pipe.browser_reads, pipe.browser_writes):
            os.close(end)

    def stop(self) -> None:
        """Kills it and waits until it is gone."""
        if self._pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        self._pid = None


def flags(home: Path, port: int) -> list[str]:
    """The command line of a browser whose only way out is the relay at `port`."""
    made = [
        *FLAGS, f"--user-data-dir={home}/profile", f"--disk-cache-dir={home}/cache",
        "--disk-cache-size=33554432", f"--proxy-server=http://{network.HOST}:{port}",
        "--proxy-bypass-list=<-loopback>;*.invalid",  # else loopback would be dialled directly
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    ]  # fmt: skip
    if pin := authority_pin():
        made.append(f"--ignore-certificate-errors-spki-list={pin}")
    return [*made, "--no-startup-window"]  # a page shown at once crashes if used at once


def authority_pin(ca_file: str = network.OUR_CA) -> str:
    """The digest of the gateway's public key; it stands in every chain the gateway shows."""
    if not Path(ca_file).is_file():
        return ""
    command = ("openssl", "x509", "-in", ca_file, "-noout", "-pubkey")
    try:
        found = subprocess.run(command, capture_output=True, check=True, timeout=10)  # noqa: S603 - a fixed program
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = [line for line in found.stdout.decode().splitlines() if "-----" not in line]
    key = base64.b64decode("".join(lines))
    return base64.b64encode(hashlib.sha256(key).digest()).decode()

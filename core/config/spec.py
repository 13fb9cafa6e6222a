"""Every setting there is: its name, type, default, bounds, and who may change it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import UserFacing

Kind = Literal[
    "text", "secret", "address", "model", "models", "whole", "number", "switch", "hosts", "ports",
    "zone", "choice",
]  # fmt: skip
Value = str | int | float | bool

OPENROUTER = "https://openrouter.ai/api/v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """One setting; `env` names the fields of `EnvSettings` that count when none is stored."""

    name: str
    kind: Kind
    default: Value
    help: str
    low: float = 0
    high: float = 0
    env: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    model_may_change: bool = False

    @property
    def is_secret(self) -> bool:
        """Secrets are sealed in Postgres and never shown."""
        return self.kind == "secret"


_ALL = (
    Spec(name="model.api_key", kind="secret", default="",
         env=("model_api_key", "openrouter_api_key"), help="Key of the model service"),
    Spec(name="model.base_url", kind="address", default=OPENROUTER, env=("model_base_url",),
         help="Address of an OpenAI-compatible model service"),
    Spec(name="model.coordinator", kind="models", default="", env=("model_coordinator",),
         help="Models that answer you, best first, separated by commas"),
    Spec(name="model.executor", kind="models", default="", env=("model_executor",),
         help="Models that work on tasks; empty means the same as model.coordinator"),
    Spec(name="model.vision", kind="models", default="",
         help="Models that see your pictures, best first; empty means that none does"),
    Spec(name="model.timeout_s", kind="whole", default=120, low=5, high=900,
         help="Seconds to wait for a model's answer"),
    Spec(name="chat.streaming", kind="switch", default=True, model_may_change=True,
         help="Show a long answer while it is being written"),
    Spec(name="chat.history_kb", kind="whole", default=24, low=2, high=200, model_may_change=True,
         help="How much recent conversation the model sees in full, in KB"),
    Spec(name="tasks.parallel", kind="whole", default=5, low=1, high=50, model_may_change=True,
         help="How many tasks may run at once"),
    Spec(name="tasks.time_limit_s", kind="whole", default=1800, low=1, high=86_400,
         help="Seconds a task may work, not counting time it waits for you"),
    Spec(name="tasks.steps", kind="whole", default=50, low=1, high=500,
         help="Steps a task may take"),
    Spec(name="tasks.memory_mb", kind="whole", default=512, low=64, high=65_536,
         help="Memory of a task's container, in MB"),
    Spec(name="tasks.processes", kind="whole", default=256, low=16, high=10_000,
         help="Processes in a task's container"),
    Spec(name="tasks.disk_mb", kind="whole", default=1024, low=16, high=1_000_000,
         help="Disk space of a task's workspace, in MB"),
    Spec(name="tasks.output_kb", kind="whole", default=1024, low=16, high=65_536,
         help="How much one command may print, in KB"),
    Spec(name="tasks.cpus", kind="number", default=1.0, low=0.1, high=64,
         help="Processor cores of a task's container"),
    Spec(name="tasks.runtime", kind="text", default="",
         help="Container runtime, such as runsc; empty means the engine's own"),
    Spec(name="policy.hosts", kind="hosts", default="*",
         help="Hosts that tasks may ever reach, separated by commas; * means any you approve"),
    Spec(name="policy.ports", kind="ports", default="443,80",
         help="Ports that tasks may ever reach, separated by commas"),
    Spec(name="policy.calls", kind="whole", default=1000, low=1, high=1_000_000,
         help="How many requests and other effects a task may have"),
    Spec(name="policy.sent_mb", kind="whole", default=50, low=1, high=100_000,
         help="How much a task may send, in MB"),
    Spec(name="policy.hosts_reached", kind="whole", default=20, low=1, high=10_000,
         help="How many different hosts and other destinations a task may reach"),
    Spec(name="policy.task_usd", kind="number", default=5.0, low=0.01, high=10_000,
         help="US dollars that a task may spend on models"),
    Spec(name="policy.production", kind="hosts", default="",
         help="Hosts where every change needs a typed confirmation, separated by commas"),
    Spec(name="policy.cards", kind="whole", default=10, low=1, high=100,
         help="How often a task may ask for your approval"),
    Spec(name="policy.approval_min", kind="whole", default=15, low=1, high=1440,
         help="Minutes until an unanswered approval counts as no"),
    Spec(name="owner.zone", kind="zone", default="UTC", model_may_change=True,
         help="Your time zone, such as Europe/Berlin, for schedules and checks"),
    Spec(name="skills.proposals", kind="whole", default=2, low=0, high=20,
         help="How many skills I may propose a day; each costs one call and a trial; 0 means none"),
    Spec(name="skills.self_edit", kind="choice", default="ask", choices=("ask", "wording"),
         help="ask, or wording: I may reword skills that I wrote without asking you"),
    Spec(name="memory.enabled", kind="switch", default=True,
         help="Remember what you say, and find it again"),
    Spec(name="memory.extract", kind="switch", default=True,
         help="Let the model note facts from your own messages; off means only /remember"),
    Spec(name="memory.recall_kb", kind="number", default=1.2, low=0, high=16,
         help="How much of what is remembered goes into a prompt by itself, in KB"),
    Spec(name="triggers.port", kind="whole", default=8787, low=0, high=65_535,
         help="Port of the webhook listener on this machine; 0 means any that is free"),
    Spec(name="reader.memory_mb", kind="whole", default=1024, low=128, high=65_536,
         help="Memory of a container that reads a document, in MB"),
    Spec(name="reader.processes", kind="whole", default=128, low=16, high=10_000,
         help="Processes in a container that reads a document"),
    Spec(name="browser.memory_mb", kind="whole", default=1024, low=256, high=65_536,
         help="Memory of a browser's container, in MB"),
    Spec(name="browser.processes", kind="whole", default=256, low=64, high=10_000,
         help="Processes in a browser's container"),
    Spec(name="browser.shm_mb", kind="whole", default=256, low=16, high=16_384,
         help="Shared memory of a browser's container, in MB"),
    Spec(name="browser.tmp_mb", kind="whole", default=256, low=64, high=256,
         help="Room for a browser's profile and cache, in MB"),
    Spec(name="pool.browser", kind="whole", default=0, low=0, high=5,
         help="Browsers kept warm so that a task with one starts at once; 0 turns it off"),
    Spec(name="embedding.model", kind="model", default="",
         help="Model that turns text into vectors; empty means the one built in"),
    Spec(name="embedding.base_url", kind="address", default="",
         help="Address of its service; empty means that of model.base_url"),
    Spec(name="embedding.api_key", kind="secret", default="",
         help="Key of its service; empty means that of model.api_key at the same address"),
    Spec(name="voice.model", kind="model", default="base",
         help="Speech model that listens on this machine: its name, or the folder it lies in"),
    Spec(name="voice.language", kind="text", default="",
         help="Language you speak, such as de; empty means it is told from the sound"),
    Spec(name="voice.max_min", kind="whole", default=10, low=1, high=60,
         help="How long a voice note may be that I listen to, in minutes"),
    Spec(name="voice.service_model", kind="model", default="",
         help="Model of a transcription service; empty means that this machine listens"),
    Spec(name="voice.base_url", kind="address", default="",
         help="Address of that service; empty means that of model.base_url"),
    Spec(name="voice.api_key", kind="secret", default="",
         help="Key of that service; empty means that of model.api_key at the same address"),
    Spec(name="voice.engine", kind="choice", default="auto",
         choices=("auto", "elevenlabs", "local"),
         help="Who speaks: elevenlabs, local, or auto: ElevenLabs when its key is in the vault"),
    Spec(name="voice.speech_model", kind="model", default="eleven_multilingual_v2",
         help="Model of ElevenLabs that speaks"),
    Spec(name="voice.speech_url", kind="address", default="https://api.elevenlabs.io",
         help="Address of ElevenLabs"),
    Spec(name="voice.characters", kind="whole", default=600, low=50, high=4000,
         help="How much of an answer is said aloud, in characters; the text is always whole"),
    Spec(name="heavy.idle_s", kind="whole", default=120, low=5, high=86_400,
         help="Seconds until an idle helper process ends and gives its memory back"),
    Spec(name="pool.size", kind="whole", default=1, low=0, high=20,
         help="Containers kept warm so that a task starts at once; 0 turns it off"),
)  # fmt: skip

SPECS: dict[str, Spec] = {spec.name: spec for spec in _ALL}

_SWITCH = {
    "on": True, "yes": True, "true": True, "1": True,
    "off": False, "no": False, "false": False, "0": False,
}  # fmt: skip
_MODEL_NAME = re.compile(r"[\w.:/@+-]{1,200}")
_ONE_MODEL = re.compile(r"(?:[\w.:/@+-]{1,200})?")
_HOST_NAME = re.compile(r"\*|(?:\*\.)?(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_RUNTIME = re.compile(r"[\w.-]{0,60}")
_KEY = re.compile(r"[\x21-\x7e]{1,500}")


def find_spec(name: str) -> Spec:
    """The setting called `name`; an unknown one tells the owner what to do."""
    try:
        return SPECS[name]
    except KeyError:
        raise UserFacing(
            f"There is no setting called {name[:60]}.", "/config lists all settings."
        ) from None


def parse_value(spec: Spec, text: str) -> Value:
    """`text` as a value of `spec`, or `UserFacing` that says what it must be.

    Never repeats a secret.
    """
    text = text.strip()
    match spec.kind:
        case "whole" | "number":
            return _number(spec, text)
        case "switch":
            return _switched(spec, text)
        case "secret":
            return _matching(spec, text, _KEY, "one word of plain characters, without spaces")
        case "address":
            return _address(spec, text)
        case "models":
            return _models(spec, text)
        case "model":
            return _matching(spec, text, _ONE_MODEL, "the name of one model")
        case "hosts":
            return _listed(spec, text, _HOST_NAME, "host names or * separated by commas")
        case "ports":
            return _listed(spec, text, _PORT, "port numbers separated by commas")
        case "zone":
            return _zone(spec, text)
        case "choice":
            return _chosen(spec, text)
        case "text":
            return _matching(spec, text, _RUNTIME, "a short name")


def _number(spec: Spec, text: str) -> int | float:
    convert = int if spec.kind == "whole" else float
    bounds = f"{spec.low:g} to {spec.high:g}"
    try:
        value = convert(text)
    except ValueError:
        raise UserFacing(f"{spec.name} must be a number from {bounds}.") from None
    if not spec.low <= value <= spec.high:
        raise UserFacing(f"{spec.name} must be from {bounds}.")
    return value


def _matching(spec: Spec, text: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(text):
        raise UserFacing(f"{spec.name} must be {what}.")
    return text


def _address(spec: Spec, text: str) -> str:
    try:
        parts = urlsplit(text)
        ok = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username
    except ValueError:
        ok = False
    if not ok or any(c.isspace() for c in text):
        raise UserFacing(f"{spec.name} must be an http:// or https:// address.")
    return text.rstrip("/")


def _zone(spec: Spec, text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserFacing(f"{spec.name} must be a time zone such as Europe/Berlin.") from None


def _switched(spec: Spec, text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise UserFacing(f"{spec.name} must be on or off.")
    return _SWITCH[text.lower()]


def _chosen(spec: Spec, text: str) -> str:
    if text.lower() not in spec.choices:
        raise UserFacing(f"{spec.name} must be one of: {', '.join(spec.choices)}.")
    return text.lower()


def _listed(spec: Spec, text: str, pattern: re.Pattern[str], what: str) -> str:
    if not text and not spec.default:
        return ""
    parts = [part.strip().lower() for part in text.split(",")]
    if len(parts) > 100 or not all(pattern.fullmatch(part) for part in parts):
        raise UserFacing(f"{spec.name} must be {what}.")
    return ",".join(parts)


def _models(spec: Spec, text: str) -> str:
    names = [n.strip() for n in text.split(",") if n.strip()]
    if len(names) > 10 or not all(_MODEL_NAME.fullmatch(n) for n in names):
        raise UserFacing(f"{spec.name} must be model names separated by commas, ten at most.")
    return ",".join(names)

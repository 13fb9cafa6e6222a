"""The shape of a manifest: its keys, their bounds, and the JSON Schema made from them. Pure.

Threat: a manifest that is read more widely than it looks: a host with an invisible letter, a glob
that leads out of the owner's folder, a misspelt key that is skipped. So the `permissions:` block is
strict: unknown keys, other types and odd characters are faults. Keys of other products around it
are taken as they come; none of them grants anything.
"""

from __future__ import annotations

import re
from decimal import Decimal  # noqa: TC003 - read by pydantic
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from core.hygiene import is_plain

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"(?:\*|(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.(?!\d+(?::|$)){_LABEL})(?::[1-9][0-9]{{0,4}})?"
_HOST_PATTERN = re.compile(_HOST)
_PACKAGE_PATTERN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(?:(?:==|>=|<=|~=|!=|<|>)[A-Za-z0-9.+!*_-]+)?"
)
_PLACE_PATTERN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def _fault(wrong: str, mend: str) -> PydanticCustomError:
    return PydanticCustomError("manifest", "{wrong}", {"wrong": wrong, "mend": mend})


def _host(text: str) -> str:
    lowered = text.lower()
    if not _HOST_PATTERN.fullmatch(lowered) or len(lowered) > 260:
        mend = (
            "Write a name such as api.example.com, *.example.com or *, without https:// and path."
        )
        raise _fault("this is no host", mend)
    if ":" in lowered and int(lowered.rpartition(":")[2]) > 65535:
        raise _fault("there is no such port", "Ports go up to 65535.")
    return lowered


def _place(text: str) -> str:
    if not _PLACE_PATTERN.fullmatch(text.lower()):
        mend = "Name the one host (api.example.com) or integration that may get the secret."
        raise _fault("a secret goes to one named host", mend)
    return text.lower()


def _glob(text: str) -> str:
    if not text or not is_plain(text) or "\\" in text:
        raise _fault("the pattern holds characters that cannot be shown", "Type it anew.")
    if text.startswith(("/", "~")) or {"..", "."} & set(text.split("/")):
        raise _fault("the pattern leads out of your files", "Write it relative to them: reports/*.")
    if "**" in text:
        raise _fault("two stars are not known here", "Write one: a star crosses folders, *.csv.")
    return text


def _path(text: str) -> str:
    if (
        not text.startswith("/")
        or not text.isascii()
        or not is_plain(text)
        or set("?# *") & set(text)
    ):
        mend = "Begin with a slash; end with one to allow all below it: /v1/."
        raise _fault("this is no path", mend)
    return text


def _package(text: str) -> str:
    if not _PACKAGE_PATTERN.fullmatch(text):
        mend = (
            "Name a Python package, such as pandas or pandas==2.2.3. npm is not served: containers "
            "have no Node.js, so use a Python package or a script in the skill's folder."
        )
        raise _fault("this is no package", mend)
    return text


def _short_host(value: object) -> object:
    return {"host": value} if isinstance(value, str) else value


def _verbs(value: object) -> object:
    return ["*"] if value == "*" else value


def _text(value: object) -> object:
    """Keys of other products: whatever stands there, as text."""
    return "" if value is None else value if isinstance(value, str) else str(value)


def _flag(value: object) -> object:
    """Other products' booleans, also as words."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


_Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
_Verb = Annotated[str, StringConstraints(pattern=r"^(\*|[A-Za-z][A-Za-z0-9_.-]{0,63})$")]
_Method = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3,12}$")]
_Package = Annotated[str, AfterValidator(_package), Field(max_length=100)]
_SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
_Host = Annotated[str, AfterValidator(_host), Field(max_length=260)]
_Place = Annotated[str, AfterValidator(_place), Field(max_length=260)]
_Glob = Annotated[str, AfterValidator(_glob), Field(max_length=300)]
_Path = Annotated[str, AfterValidator(_path), Field(max_length=300)]
_Globs = Annotated[list[_Glob], Field(max_length=100)]
_Free = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string"})]
_Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Trigger = Literal["schedule", "heartbeat", "webhook", "file", "mail", "task"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Filesystem(_Strict):
    """The owner's files, by patterns relative to their folder."""

    read: _Globs = Field(default=[], description="Files it may read. `*` crosses folders.")
    write: _Globs = Field(default=[], description="Files it may write. Needs L2.")


class Host(_Strict):
    """A host; without `methods` and `paths`, everything on it."""

    host: _Host = Field(description="A name, `*.` and a name, or `*`; `:port` if not 443.")
    methods: list[_Method] = Field(
        default=[], max_length=12, description="Allowed methods, e.g. GET."
    )
    paths: list[_Path] = Field(
        default=[],
        max_length=50,
        description="Allowed paths; one that ends in `/` allows all below it.",
    )


class Secret(_Strict):
    """A secret of the vault and the one host that may get it."""

    name: _SecretName = Field(description="Its name in the vault.")
    host: _Place = Field(description="The host or integration that may get it.")


class Limits(_Strict):
    """What one task of the skill may use up at most."""

    calls: int | None = Field(
        default=None, ge=1, le=100_000, description="Effects outside the container."
    )
    sent_mb: float | None = Field(
        default=None, gt=0, le=10_000, strict=False, description="Megabytes."
    )
    usd: Decimal | None = Field(
        default=None, ge=0, le=1_000, strict=False, description="Money spent."
    )
    minutes: float | None = Field(default=None, gt=0, le=10_080, strict=False, description="Time.")
    hosts: int | None = Field(default=None, ge=0, le=1_000, description="Different hosts reached.")


_Hosts = Annotated[
    list[Annotated[Host, BeforeValidator(_short_host, json_schema_input_type=str | Host)]],
    Field(max_length=100),
]
_Verbs = Annotated[
    list[_Verb],
    Field(min_length=1, max_length=50),
    BeforeValidator(_verbs, json_schema_input_type=Literal["*"] | list[_Verb]),
]


class PermissionsBlock(_Strict):
    """All that a skill may ever do outside its container."""

    tier: Literal["L1", "L2", "L3"] | None = Field(
        default=None,
        description="L1 reads; L2 also writes files and reaches hosts; L3 also uses secrets and "
        "may delete, send, spend. Left out: the lowest that fits.",
    )
    filesystem: Filesystem = Field(default=Filesystem(), description="The owner's files.")
    network: _Hosts = Field(default=[], description="Hosts it may reach. Needs L2.")
    secrets: list[Secret] = Field(
        default=[], max_length=20, description="Secrets it may use. Needs L3."
    )
    integrations: dict[_Word, _Verbs] = Field(
        default={}, description="Verbs by integration, or `*`."
    )
    tools: list[_Word] = Field(
        default=[], max_length=50, description="The only tools its model is given."
    )
    packages: list[_Package] = Field(
        default=[], max_length=50, description="Python packages it installs. Needs L2."
    )
    budget: Limits = Field(default=Limits(), description="What a task of it may use up.")
    triggers: list[Trigger] = Field(default=[], description="What may start it besides the owner.")


class Manifest(BaseModel):
    """The frontmatter of a skill. Other keys are allowed and grant nothing."""

    model_config = ConfigDict(extra="allow", frozen=True, title="AgentAI skill manifest")

    name: _Free = Field(
        default="", description="Letters, digits and hyphens; the file's name by default."
    )
    description: str = Field(min_length=1, description="What it does and when to use it.")
    license: _Free = Field(default="", description="Under which terms it may be used.")
    compatibility: _Free = Field(default="", description="What it needs around it, in words.")
    metadata: object = Field(default=None, description="Other products' keys, e.g. `openclaw`.")
    allowed_tools: object = Field(
        default=None, alias="allowed-tools", description="Kept; grants nothing."
    )
    homepage: _Free = Field(default="", description="Where it comes from.")
    is_user_invocable: _Flag = Field(
        default=True,
        alias="user-invocable",
        description="Whether the owner can call it by a command.",
    )
    is_model_hidden: _Flag = Field(
        default=False,
        alias="disable-model-invocation",
        description="Whether only the owner can start it.",
    )
    command_dispatch: _Free = Field(
        default="",
        alias="command-dispatch",
        description="`tool`: the command calls one tool, no model.",
    )
    command_tool: _Free = Field(default="", alias="command-tool", description="Which tool that is.")
    permissions: PermissionsBlock | None = Field(
        default=None, description="Left out: L1 with nothing."
    )


def json_schema() -> dict[str, object]:
    """The JSON Schema of a manifest, as docs/reference/skill.schema.json holds it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Manifest.model_json_schema(by_alias=True, mode="validation"),
    }

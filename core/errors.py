"""The one tree of errors, sorted by who has to act.

    AgentAIError
    ├── UserFacing     text that may be shown to the owner, with a hint what to do
    ├── Retryable      a part outside is away for now; try again after `after_s`
    ├── Denied         policy said no
    ├── ConfigError    the operator must change a setting (exit code 2)
    └── Bug            a state that our own code must never produce

Adapters translate foreign exceptions at the border (`raise … from`), so that callers catch by
audience. No error ever carries a secret: values of secret settings are not put into messages.
"""

from __future__ import annotations


class AgentAIError(Exception):
    """Root of the tree."""


class UserFacing(AgentAIError):  # noqa: N818 - named for its audience, not for its mechanism
    """Something the owner should read: `text` says what happened, `hint` what to do."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint

    def sentence(self) -> str:
        """The text and, on a line of its own, the hint."""
        return f"{self.text}\n{self.hint}" if self.hint else self.text


class Retryable(AgentAIError):  # noqa: N818 - named for its audience
    """A part outside this process did not answer; nothing was lost by that.

    `after_s` is the earliest time, in seconds from now, at which another try makes sense.
    """

    def __init__(self, text: str, after_s: float = 1.0) -> None:
        super().__init__(text)
        self.after_s = after_s


class Denied(AgentAIError):  # noqa: N818 - named for its audience
    """Policy refused an action; `code` is the reason code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ConfigError(AgentAIError):
    """A setting is missing or bad. Ends the process with exit code 2 and one line."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"setting {setting}: {reason}")
        self.setting = setting
        self.reason = reason


class Bug(AgentAIError):  # noqa: N818 - named for its audience
    """Our own code broke an invariant."""

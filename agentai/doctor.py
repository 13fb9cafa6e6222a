"""`agentai doctor [PART…]`: looks at every part, or at those named, and says how to mend it.

Exit code 0 when all is well, 1 when something is not. A check that fails, hangs or breaks never
hides the others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentai.checks import CHECKS, Check
from core.errors import AgentAIError, UserFacing

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT_S = 45.0
_WIDTH = 11


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one check found; `mend` is empty when all is well."""

    name: str
    is_well: bool
    text: str
    mend: str = ""


def main(argv: list[str]) -> int:
    """Runs all checks; prints a line for each, as it comes, and how many problems there are."""
    if argv and argv[0] in {"-h", "--help"}:
        print(__doc__)
        return 0
    known = {check.name: check for check in CHECKS}
    if unknown := [name for name in argv if name not in known]:
        raise UserFacing(f"There is no part {unknown[0]!r}.", f"Choose from: {', '.join(known)}.")
    return asyncio.run(_run([known[name] for name in argv] or CHECKS))


async def _run(checks: Sequence[Check]) -> int:
    problems = 0
    for check in checks:
        finding = await examine(check)
        problems += not finding.is_well
        print(line(finding), flush=True)
    print(summary(problems))
    return 1 if problems else 0


async def examine(check: Check, *, limit_s: float = LIMIT_S) -> Finding:
    """Runs one check within `limit_s`; whatever goes wrong becomes a finding."""
    try:
        async with asyncio.timeout(limit_s):
            text = await check.look()
    except UserFacing as error:
        return Finding(name=check.name, is_well=False, text=error.text, mend=error.hint)
    except AgentAIError as error:
        return Finding(name=check.name, is_well=False, text=str(error))
    except TimeoutError:
        return Finding(name=check.name, is_well=False, text=f"no answer within {limit_s:.0f} s")
    except OSError as error:
        why = error.strerror or type(error).__name__
        return Finding(name=check.name, is_well=False, text=f"the check broke: {why}")
    except Exception as error:  # noqa: BLE001 - a broken check must not hide the others
        return Finding(
            name=check.name, is_well=False, text=f"the check broke: {type(error).__name__}"
        )
    return Finding(name=check.name, is_well=True, text=text)


def line(finding: Finding) -> str:
    """A finding as the terminal shows it."""
    first = f"{'ok     ' if finding.is_well else 'PROBLEM'} {finding.name:<{_WIDTH}} {finding.text}"
    return f"{first}\n        {'':<{_WIDTH}} → {finding.mend}" if finding.mend else first


def summary(problems: int) -> str:
    """The last line."""
    if not problems:
        return "\nAll is well."
    return f"\n{problems} problem{'s' if problems > 1 else ''}; → says how to mend it."

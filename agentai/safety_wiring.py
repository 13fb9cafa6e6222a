"""Puts the parts that keep the owner safe together for `agentai serve`: what they decide and see.

Approvals, standing rules, secrets, the audit trail and the emergency stop, with their commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approving import Approving
from bot.audit_command import AuditCommand
from bot.config_command import ConfigCommand
from bot.rules_command import RulesCommand
from bot.secret_command import SecretCommand
from bot.secret_form import SecretForm
from bot.stopping import Stopping
from coordinator.standing_store import StandingRules
from core.audit import HeadFile, Signer

if TYPE_CHECKING:
    from agentai.foundation import Foundation
    from bot.commands import Handler
    from bot.conversing import Conversing
    from bot.correcting import Correcting
    from bot.presses import Presses


class SafetyWiring:
    """Commands and buttons about safety and settings, wired to what all parts stand on."""

    def __init__(self, base: Foundation) -> None:
        database, audit, store = base.database, base.audit, base.store
        self._base = base
        self.rules = StandingRules(database, audit)
        self._rules_command = RulesCommand(rules=self.rules, store=store)
        self.rules.teller = self._rules_command
        self.form = SecretForm(self._save_secret)
        self.approving = Approving(approvals=base.approvals, store=store, facts=base.facts)
        self._stopping = Stopping(approvals=base.approvals, audit=audit, store=store)
        self._config = ConfigCommand(config=base.config, store=store, seal=base.seal)
        self._secret = SecretCommand(
            vault=base.vault, audit=audit, store=store, seal=base.seal, form=self.form
        )
        home, key = base.env.home, base.env.need_secret_key()
        self.audit_command = AuditCommand(
            database=database, audit=audit, heads=HeadFile(home / "audit" / "heads.jsonl"),
            signer=Signer(key), store=store, facts=base.facts,
        )  # fmt: skip

    async def _save_secret(self, name: str, value: str, host: str) -> None:
        base = self._base
        async with base.database.transaction() as session:
            version = await base.vault.set(session, name, value, host=host)
            body = {"name": name, "version": version}
            await base.audit.append(session, "secret.set", body)

    def commands(self) -> dict[str, Handler]:
        """The commands, by name."""
        approving = self.approving
        return {
            "config": self._config.handle, "secret": self._secret.handle,
            "stop": self._stopping.handle, "resume": self._stopping.resume,
            "rules": self._rules_command.rules, "audit": self.audit_command.handle,
            "approvals": approving.approvals, "approve": approving.approve,
            "deny": approving.deny, "grants": approving.grants, "grant": approving.grant,
            "revoke": approving.revoke,
        }  # fmt: skip

    def join(self, presses: Presses, conversing: Conversing, correcting: Correcting) -> None:
        """Connects to the parts that are made after this one."""
        presses.rules = self._rules_command
        presses.stopping = self._stopping
        conversing.rules = self._rules_command
        correcting.rules = self._rules_command

"""Telegram's edge: ingress, gate, commands, cards, rendering, outbox."""

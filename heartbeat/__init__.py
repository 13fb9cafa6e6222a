"""HEARTBEAT.md, schedules, triggers."""

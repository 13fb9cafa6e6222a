"""The HEARTBEAT.md that comes with the product."""

"""Settings that live in Postgres, versioned: what they are, their values, the store."""

from core.config.spec import SPECS, Spec, parse_value
from core.config.store import ConfigStore, Version
from core.config.values import Config, Source

__all__ = ["SPECS", "Config", "ConfigStore", "Source", "Spec", "Version", "parse_value"]

"""What the documents say is what the code does."""

import re
from pathlib import Path

from bot.texts import COMMANDS
from core.config import SPECS
from core.settings import EnvSettings

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    for spec in SPECS.values():
        default = ("on" if spec.default else "off") if spec.kind == "switch" else spec.default
        default = "not set" if default == "" else default
        variables = ", ".join(f"`{name.upper()}`" for name in spec.env)
        assert f"| `{spec.name}` | {default} | {variables} | {spec.help} |" in SETTINGS


def test_every_environment_variable_is_in_the_readme() -> None:
    for name in EnvSettings.model_fields:
        assert f"`{name.upper()}`" in README


def test_every_command_is_in_the_readme() -> None:
    for name, _ in COMMANDS:
        assert f"`/{name}" in README


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 200
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link

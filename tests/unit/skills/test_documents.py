"""What the documents say of skills is what the code does."""

from pathlib import Path

from agentai.skill_command import schema_text
from skills.schema import Filesystem, Host, Limits, Manifest, PermissionsBlock, Secret

DOCS = Path(__file__).resolve().parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "skills.md").read_text(encoding="utf-8")


def test_the_published_schema_is_that_of_the_code() -> None:
    assert (DOCS / "reference" / "skill.schema.json").read_text(encoding="utf-8") == schema_text()


def test_every_key_is_in_the_reference() -> None:
    for model in (Manifest, PermissionsBlock, Filesystem, Host, Secret, Limits):
        for name, field in model.model_fields.items():
            assert f"| `{field.alias or name}` |" in REFERENCE, name
            assert field.description, name


def test_the_tutorial_is_short_and_names_the_command() -> None:
    tutorial = (DOCS / "tutorial" / "your-first-skill.md").read_text(encoding="utf-8")
    assert len(tutorial.split()) < 1_200
    assert "agentai skill new" in tutorial
    assert "agentai skill lint" in tutorial

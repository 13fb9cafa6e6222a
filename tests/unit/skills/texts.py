"""Skills for tests, in our own words."""

from skills.manifest import parse_skill
from skills.permissions import Permissions
from skills.types import Skill, SkillFile

PLAIN = """---
name: plain
description: Counts words. Use it when the owner asks how long a text is.
---
# Plain

Count the words.
"""

FULL = """---
name: full-skill
description: Keeps a list of things to buy.
license: MIT
compatibility: Python 3
allowed-tools: Bash(git:*) Read
permissions:
  tier: L3
  filesystem:
    read: ["lists/*", "notes.md"]
    write: ["lists/*"]
  network:
    - shop.example.com
    - host: api.example.com:8443
      methods: [GET, POST]
      paths: [/v1/, /me]
  secrets:
    - {name: SHOP_TOKEN, host: shop.example.com}
  integrations:
    calendar: [read, create]
    mail: "*"
  tools: [shell, read_file]
  packages: [jq]
  budget: {calls: 20, sent_mb: 1.5, usd: 0.25, minutes: 10, hosts: 2}
  triggers: [schedule, mail]
---
Buy it. The script is {baseDir}/scripts/buy.py.
"""

OTHER_PRODUCT = """---
name: Other_Product
description: "Turns lamps on: all of them."
homepage: https://lamps.example
user-invocable: false
metadata:
  {
    "openclaw":
      {
        "emoji": "L",
        "os": ["linux"],
        "always": true,
        "command-dispatch": "tool",
        "command-tool": "lamp",
        "disable-model-invocation": true,
        "requires": { "bins": ["lamp"], "anyBins": ["a", "b"], "env": ["LAMP_KEY"], },
        "install": [{ "id": "brew", "kind": "brew", "formula": "lamp" }],
      },
  }
---
Run `lamp on`.
"""


def skill(text: str = PLAIN, *, path: str = "plain.md", files: tuple[SkillFile, ...] = ()) -> Skill:
    parsed = parse_skill(text, path=path, files=files)
    assert isinstance(parsed, Skill), parsed
    return parsed


def asking(block: str, *, body: str = "Do it.", name: str = "asking") -> Skill:
    """A skill with this `permissions:` block, indented by two."""
    text = f"---\nname: {name}\ndescription: d\npermissions:\n{block}\n---\n{body}\n"
    return skill(text, path=f"{name}.md")


def permissions(block: str) -> Permissions:
    return asking(block).permissions

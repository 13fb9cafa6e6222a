"""The bot's own longer texts, and the command menu."""

from __future__ import annotations

SECTIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Work", (
        ("status", "What is running, with buttons to cancel"),
        ("cancel", "Stop a task: /cancel 3, or /cancel all"),
        ("run", "Run a shell command in a fresh container"),
        ("task", "Start a task: /task and what to do"),
        ("look", "See what a task's browser shows now: /look 3"),
        ("new", "Begin a new conversation"),
    )),
    ("What tasks may do", (
        ("approvals", "What waits for your approval"),
        ("grants", "What tasks may reach: /grant HOST allows one, /revoke 3 takes it back"),
        ("secret", "Keys and passwords that tasks use without seeing them"),
        ("stop", "Stop everything at once, also what starts by itself"),
        ("resume", "Let schedules, checks and triggers go on after a stop"),
        ("audit", "What happened, written down so that it cannot be changed"),
    )),
    ("Skills", (
        ("skills", "Skills: what each may do, on and off"),
        ("skill", "Run a skill: /skill NAME and what to do; also its history"),
        ("proposals", "Skills that I would like to add or change"),
    )),
    ("By itself", (
        ("schedules", "What is planned: /schedule every Monday at 9: make my timesheet"),
        ("schedule", "Plan work that repeats: /schedule WHEN: WHAT"),
        ("heartbeat", "What I look at by myself: edit, pause, resume, run, log"),
        ("triggers", "Outside events that start tasks"),
        ("trigger", "Start a task at a webhook, a file, a mail or a task's end"),
    )),
    ("What I know", (
        ("docs", "Your documents: add, list, remove, ask"),
        ("rules", "Your standing rules: add, lift"),
        ("memory", "What I remember: search, edit, forget, export"),
        ("remember", "Remember something: /remember my sister's name is Anna"),
        ("recall", "Find what you told me: /recall birthday"),
        ("forget", "Forget something for good, after a look"),
        ("context", "What the model would see next, by size"),
    )),
    ("The rest", (
        ("files", "Your files, and what tasks changed"),
        ("undo", "Take back the last change to your files"),
        ("voice", "When I answer aloud, and in which voice"),
        ("config", "See and change settings"),
        ("help", "What I can do"),
    )),
)  # fmt: skip
COMMANDS: tuple[tuple[str, str], ...] = tuple(
    command for _, commands in SECTIONS for command in commands
)

WELCOME = """**Hello. I work for you, and only for you.**

Write what you need. I answer at once; longer work runs as a task in a container of its own, \
and the result comes back here. You can go on chatting meanwhile.

/status shows what is running, /help what else I can do."""

FIRST_STEP = """One thing first: no model is set up yet, so I can only do what commands ask for. \
Get a key at openrouter.ai and send it as `/config model.api_key KEY`. \
`/run COMMAND`, `/remember` and `/docs` work without."""

HELP = """**What I can do**

Write to me as you would to a person. What needs a computer becomes a task with a number, such as \
#12: it runs in a fresh container that is thrown away afterwards.

• Reply to a message of a task to tell it something.
• Edit your message to correct what you asked for.
• Send me a document or a photo, and say what to do with it.
• Speak to me: I show what I understood, then do it. Approving is only by button or typing.

{commands}"""

TASK_NEEDS_MODEL = (
    "/task needs a model, and none is set up yet.\n"
    "Add a key: /config model.api_key KEY\n"
    "Without a model, /run COMMAND runs a shell command."
)
TASK_USAGE = (
    "Say what to do: /task compare the two files I sent\n"
    "With a web browser: /task browser: look up when the library opens"
)
RUN_USAGE = "Say what to run: /run python3 --version"
NEW_TALK = "A new conversation. What was said is put aside; memories, rules and tasks stay."
FILE_TOO_BIG = (
    "{name} is {size} MB. Bots can receive files of up to 20 MB. "
    "Please send a smaller one, or split it."
)
UNKNOWN_KIND = (
    "I cannot read this kind of message ({kind}). Please send it as text, a photo or a file."
)
NO_HOST = "No executor is running, so tasks wait. `agentai doctor` on the server says why."


def help_text() -> str:
    """The answer to /help."""
    parts = (
        "\n".join((f"**{title}**", *(f"/{name} · {what}" for name, what in commands)))
        for title, commands in SECTIONS
    )
    return HELP.format(commands="\n\n".join(parts))

"""What the agent remembers of its owner, and how it finds it again."""

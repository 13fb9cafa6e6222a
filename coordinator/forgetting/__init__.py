"""Forgetting: which rows hold the words of what the owner made us forget, and taking them out."""

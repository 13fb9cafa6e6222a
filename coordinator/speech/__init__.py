"""Speech: text from voice notes, and voice notes from text."""

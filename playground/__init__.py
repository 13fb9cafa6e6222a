"""A local stand-in for Telegram: Bot API server and web chat."""

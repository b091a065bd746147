"""Mails of a system with a real mail server. Each module starts a system with its own settings."""

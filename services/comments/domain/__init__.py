"""Rules of comments in plain Python."""

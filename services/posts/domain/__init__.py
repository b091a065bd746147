"""Rules of posts in plain Python."""

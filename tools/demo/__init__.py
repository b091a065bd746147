"""`./tye-like-run.sh demo`: fills a running system with people and what they do.

All of it is made up by the program, the same at every run, and goes through the public API alone.
Whatever is there already is left as it is.
"""

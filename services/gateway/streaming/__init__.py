"""News as it happens, to whoever is connected: Mastodon's streaming API.

`api/streaming.py` takes connections, `hub` knows who listens to what, `newsroom` hears what is said
on the component `broadcast` (every replica all of it) and has it told to those it is for. All of it
is best effort: who was away reads timelines.
"""

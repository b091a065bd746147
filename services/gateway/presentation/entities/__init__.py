"""The contracts' models as entities of the Mastodon client API: whole, every field, always.

`addresses` knows where things are, `people`, `posts`, `apps` and `instances` have one function per
entity, and `rendered` keeps what was rendered as bytes.
"""

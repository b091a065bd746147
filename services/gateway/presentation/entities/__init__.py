"""The entities of the Mastodon client API and of the shop API, one function per entity.

An entity always has every field.
"""

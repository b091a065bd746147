"""The scopes of access tokens."""

SCOPES = (
    "profile",
    "read",
    "read:accounts",
    "read:blocks",
    "read:bookmarks",
    "read:favourites",
    "read:filters",
    "read:follows",
    "read:lists",
    "read:mutes",
    "read:notifications",
    "read:search",
    "read:shop",
    "read:statuses",
    "write",
    "write:accounts",
    "write:blocks",
    "write:bookmarks",
    "write:conversations",
    "write:favourites",
    "write:follows",
    "write:media",
    "write:mutes",
    "write:notifications",
    "write:reports",
    "write:shop",
    "write:statuses",
    "follow",
    "admin:read",
    "admin:read:accounts",
    "admin:read:reports",
    "admin:write",
    "admin:write:accounts",
    "admin:write:reports",
)
"""The scopes that give access to something, as the OAuth metadata lists them.

See <https://docs.joinmastodon.org/api/oauth-scopes/>; `shop` is ours, for selling and buying.
"""

"""What an access token may be good for."""

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
"""The scopes that are good for something here, as OAuth's metadata lists them.

<https://docs.joinmastodon.org/api/oauth-scopes/>, and `shop` for what people sell and buy.
"""

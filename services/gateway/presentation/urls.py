"""The public URLs of what clients and browsers open."""

from __future__ import annotations

from urllib.parse import quote

AVATAR = "avatar.png"
HEADER = "header.png"
THUMBNAIL = "thumbnail.png"


class PublicUrls:
    """Absolute URLs below the gateway's public URL."""

    def __init__(self, public_url: str) -> None:
        self.public_url = public_url
        self.host = public_url.partition("://")[2]

    def account(self, username: str) -> str:
        return f"{self.public_url}/@{quote(username)}"

    def actor(self, username: str) -> str:
        return f"{self.public_url}/users/{quote(username)}"

    def post(self, username: str, id: str) -> str:
        return f"{self.public_url}/@{quote(username)}/{id}"

    def post_uri(self, username: str, id: str) -> str:
        return f"{self.public_url}/users/{quote(username)}/statuses/{id}"

    def shop(self, id: str) -> str:
        return f"{self.public_url}/shops/{id}"

    def product(self, id: str) -> str:
        return f"{self.public_url}/products/{id}"

    def tag(self, name: str) -> str:
        return f"{self.public_url}/tags/{quote(name)}"

    def media(self, name: str) -> str:
        return f"{self.public_url}/media/{quote(name)}"

    def static(self, name: str) -> str:
        return f"{self.public_url}/static/{name}"

    def avatar(self, name: str) -> str:
        return self.media(name) if name else self.static(AVATAR)

    def header(self, name: str) -> str:
        return self.media(name) if name else self.static(HEADER)

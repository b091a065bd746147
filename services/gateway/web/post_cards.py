"""Cards of posts, rendered once for all viewers to whom a post looks the same."""

from __future__ import annotations

from hashlib import blake2b

import orjson
from jinja2 import Environment
from markupsafe import Markup

from services.chassis.security.caller import Caller
from services.gateway.presentation.cache import LruByteCache
from services.gateway.presentation.entities.posts import Entity
from services.gateway.web.form_keys import new_key

_MAX_BYTES = 8 << 20  # about 1,800 cards

_AUTHOR = ("id", "acct", "username", "display_name", "url", "avatar")
"""What a card shows of an account. Its counts change too often to be part of a cached card."""


class PostCards:
    """Renders cards and keeps them by all that they show.

    A card takes 0.2 ms, one that is kept 0.01 ms. Nothing of the viewer is in it but whether they
    are somebody, and whether the post is theirs.
    """

    def __init__(self, templates: Environment) -> None:
        self._templates = templates
        self.kept = LruByteCache(_MAX_BYTES)
        self._key = new_key()
        """Stands for the keys of forms in what is kept. Each page gets a key of its own."""

    def render(
        self, status: Entity, viewer: Caller | None, *, full: bool = False, first: bool = False
    ) -> Markup:
        """The card of a Status. `full` and `first` are as in `parts/posts.html`."""
        post = _shown(status)
        own = viewer is not None and (post["reblog"] or post)["account"]["id"] == viewer.user_id
        look = viewer is not None, own, full, first
        key = blake2b(orjson.dumps(post), digest_size=16).digest(), look
        card = self.kept.get(key) or self.kept.put(key, self._render(post, *look))
        return Markup(card.decode().replace(self._key, new_key()))  # noqa: S704 (a template's)

    def _render(self, post: Entity, signed_in: bool, own: bool, full: bool, first: bool) -> bytes:
        parts = self._templates.get_template("parts/posts.html").module
        html: str = parts.card(  # type: ignore[attr-defined]
            post, signed_in=signed_in, own=own, key=self._key, full=full, first=first
        )
        return html.encode()


def _shown(status: Entity) -> Entity:
    """What a card shows of a Status. A template that uses more of its accounts raises."""
    account, reblog = status["account"], status["reblog"]
    return status | {
        "account": {name: account[name] for name in _AUTHOR},
        "reblog": _shown(reblog) if reblog else None,
    }

"""Plain text rendered as HTML.

Everything is escaped. The only tags are p, br, span and a, and all of them are written here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from services.contracts.texts import clean_prose
from services.gateway.presentation.urls import PublicUrls
from services.shared.text import Entity, Hashtag, Link, entities

_PARAGRAPH_BREAKS = re.compile(r"\n{2,}")


class HtmlWriter:
    """Writes HTML with links to this site.

    `mentions` are the usernames that a text mentions and that exist, by lower-case username.
    """

    def __init__(self, at: PublicUrls) -> None:
        self._at = at

    def paragraphs(self, text: str, mentions: Mapping[str, str]) -> str:
        """Several lines: the text of a post or the note of a profile."""
        parts = [part.strip("\n") for part in _PARAGRAPH_BREAKS.split(self.line(text, mentions))]
        return "".join(
            f"<p>{part.replace(chr(10), '<br />')}</p>" for part in parts if part.strip()
        )

    def line(self, text: str, mentions: Mapping[str, str]) -> str:
        """One line: the value of a profile field."""
        pieces: list[str] = []
        done = 0
        text = clean_prose(text)
        for one in entities(text):
            html = self._linked(one, text[one.start : one.end], mentions)
            pieces += [escape(text[done : one.start]), html]
            done = one.end
        return "".join((*pieces, escape(text[done:])))

    def _linked(self, one: Entity, typed: str, mentions: Mapping[str, str]) -> str:
        if isinstance(one, Link):
            return _link(one.url)
        if isinstance(one, Hashtag):
            return self._tag(one.name, typed)
        name = mentions.get(one.name.lower()) if one.is_at(self._at.host) else None
        return self._mention(name) if name else escape(typed)

    def _tag(self, name: str, typed: str) -> str:
        address = escape(self._at.tag(name))
        shown = f"{typed[0]}<span>{escape(typed[1:])}</span>"
        return f'<a href="{address}" class="mention hashtag" rel="tag">{shown}</a>'

    def _mention(self, name: str) -> str:
        address = escape(self._at.account(name))
        return (
            f'<span class="h-card"><a href="{address}" class="u-url mention">'
            f"@<span>{escape(name)}</span></a></span>"
        )


def _link(url: str) -> str:
    address = escape(url)
    return f'<a href="{address}" rel="nofollow noopener noreferrer" target="_blank">{address}</a>'

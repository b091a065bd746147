"""Plain text as people type it, into the little HTML that clients show.

Everything is escaped; the only tags are p, br, span and a, and all of them are made here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from html import escape
from unicodedata import category, normalize
from urllib.parse import quote

from services.contracts import limits

_FOUND = re.compile(
    r"""(?P<url>\bhttps?://[^\s<>"'`\\\x00-\x1f\u200b\u2060\ufeff]{1,2000})"""
    r"""|(?<![\w/&#=])(?P<hash>[#\uff03])(?=\w)"""
    r"""|(?<![\w/@.])@(?P<name>[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*)(?P<host>@[\w.:-]*\w)?""",
    re.IGNORECASE,
)
_BREAKS = re.compile(r"\n{2,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""What turns the direction of all that follows, and can make an address look like another one."""
_JOINERS = frozenset("_\u00b7\u200c\u30fb")
_CLOSING = {")": "(", "]": "[", "}": "{"}


class Writer:
    """Makes HTML that links to this site."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        self._host = public_url.partition("://")[2]

    def post(self, text: str, tags: Collection[str], mentions: Mapping[str, str]) -> str:
        """A post: its own hashtags are linked, and the people it mentions.

        `mentions` are usernames by their lower case.
        """
        return self._paragraphs(text, frozenset(tags), mentions)

    def note(self, text: str) -> str:
        """What a profile says: links and hashtags, no mentions."""
        return self._paragraphs(text, None, {})

    def line(self, text: str) -> str:
        """One line of a profile's table."""
        return self._marked(_clean(text), None, {})

    def _paragraphs(
        self, text: str, tags: Collection[str] | None, mentions: Mapping[str, str]
    ) -> str:
        paragraphs = [part.strip("\n") for part in _BREAKS.split(_clean(text))]
        return "".join(
            f"<p>{self._marked(part, tags, mentions).replace(chr(10), '<br />')}</p>"
            for part in paragraphs
            if part.strip()
        )

    def _marked(self, text: str, tags: Collection[str] | None, mentions: Mapping[str, str]) -> str:
        pieces: list[str] = []
        done = 0
        for match in _FOUND.finditer(text):
            if match.start() < done:
                continue
            html, end = self._piece(match, tags, mentions)
            if html:
                pieces += [escape(text[done : match.start()], quote=True), html]
                done = end
        pieces.append(escape(text[done:], quote=True))
        return "".join(pieces)

    def _piece(
        self, match: re.Match[str], tags: Collection[str] | None, mentions: Mapping[str, str]
    ) -> tuple[str, int]:
        if match["url"]:
            url = _without_tail(match["url"])
            return _link(url), match.start() + len(url)
        if match["hash"]:
            tag = _tag_at(match.string, match.end())
            return self._tag(match["hash"], tag, tags), match.end() + len(tag)
        name = mentions.get(match["name"].lower())
        is_here = match["host"] is None or match["host"][1:].lower() == self._host
        if name is None or not is_here:
            return "", match.end()
        return self._mention(name), match.end()

    def _tag(self, sign: str, tag: str, tags: Collection[str] | None) -> str:
        name = normal_tag(tag)
        if not name or (tags is not None and name not in tags):
            return ""
        address = escape(f"{self._public_url}/tags/{quote(name)}")
        shown = f"{sign}<span>{escape(tag)}</span>"
        return f'<a href="{address}" class="mention hashtag" rel="tag">{shown}</a>'

    def _mention(self, name: str) -> str:
        address = escape(f"{self._public_url}/@{quote(name)}")
        return (
            f'<span class="h-card"><a href="{address}" class="u-url mention">'
            f"@<span>{escape(name)}</span></a></span>"
        )


def normal_tag(raw: str) -> str:
    """The one spelling of a hashtag, as the posts service keeps it; nothing if it is none."""
    tag = normalize("NFKC", normalize("NFKC", raw).lower())
    if not tag or len(tag) > limits.HASHTAG_CHARACTERS or _end_of_tag(tag, 0) < len(tag):
        return ""
    return "" if all(character.isdigit() or character in _JOINERS for character in tag) else tag


def _tag_at(text: str, start: int) -> str:
    return text[start : _end_of_tag(text, start)]


def _end_of_tag(text: str, start: int) -> int:
    end = start
    while end < len(text) and (
        text[end].isalnum() or text[end] in _JOINERS or category(text[end]).startswith("M")
    ):
        end += 1
    return end


def _clean(text: str) -> str:
    plain = _TURNING.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROL.sub("", plain)


def _link(url: str) -> str:
    address = escape(url, quote=True)
    return (
        f'<a href="{address}" rel="nofollow noopener noreferrer" target="_blank">{address}</a>'
        if len(url) > len("https://")
        else ""
    )


def _without_tail(url: str) -> str:
    """Without the full stop, comma or bracket that ends the sentence and not the address."""
    while url:
        last = url[-1]
        if last in ".,;:!?*_~" or (
            last in _CLOSING and url.count(last) > url.count(_CLOSING[last])
        ):
            url = url[:-1]
        else:
            break
    return url

"""Link previews of pages: Open Graph (ogp.me) and Twitter cards.

Content that a page hides behind a warning is not in its preview, and all texts are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.contracts.accounts import Profile
from services.contracts.catalog import Product, Shop
from services.contracts.posts import Attachment, Post, Size
from services.gateway.presentation.entities.shop import lowest_price, money
from services.gateway.presentation.urls import AVATAR, THUMBNAIL, PublicUrls
from services.gateway.web.texts import Texts

MAX_TITLE, MAX_DESCRIPTION, MAX_ALT = 100, 300, 420
"""Characters: sites truncate longer texts, and Twitter accepts 420 in an alt text."""

Tags = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """An image by its URL; `size` may be unknown."""

    url: str
    mime: str
    size: Size | None = None
    alt: str = ""

    def tags(self) -> Tags:
        yield "og:image", self.url
        yield "og:image:type", self.mime
        if self.size is not None:
            yield "og:image:width", str(self.size.width)
            yield "og:image:height", str(self.size.height)
        if self.alt:
            yield "og:image:alt", self.alt


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview of a page. `kind` is its `og:type`, and `more` are tags of that kind.

    `large`: the pictures are the content of the page. `hidden`: search engines must not index it.
    """

    kind: str
    url: str
    title: str
    description: str = ""
    pictures: Sequence[PreviewImage] = ()
    more: Sequence[tuple[str, str]] = ()
    large: bool = False
    hidden: bool = False

    def tags(self) -> Tags:
        """All tags but `og:site_name`. The tags of a picture follow it, as Open Graph requires."""
        yield "og:type", self.kind
        yield "og:url", self.url
        yield "og:title", self.title
        if self.description:
            yield "og:description", self.description
        yield from self.more
        for picture in self.pictures:
            yield from picture.tags()
        yield "twitter:card", "summary_large_image" if self.large else "summary"
        yield "twitter:title", self.title
        if self.description:
            yield "twitter:description", self.description
        for picture in self.pictures[:1]:
            yield "twitter:image", picture.url
            if picture.alt:
                yield "twitter:image:alt", picture.alt


class Previews:
    """Creates previews of pages, from profiles as `entities.people.public_profile` returns them."""

    def __init__(self, at: PublicUrls, texts: Texts) -> None:
        self._at = at
        self._texts = texts

    def site(self, title: str, about: str) -> Preview:
        """The preview of the front page."""
        thumbnail = PreviewImage(
            self._at.static(THUMBNAIL), "image/png", Size(width=1200, height=630)
        )
        url = f"{self._at.public_url}/"
        return Preview("website", url, title, shorten(about), [thumbnail], large=True)

    def tag(self, name: str) -> Preview:
        """The preview of a hashtag."""
        return Preview("website", self._at.tag(name), shorten(f"#{name}", MAX_TITLE))

    def person(self, profile: Profile) -> Preview:
        """The preview of a profile."""
        return Preview(
            "profile",
            self._at.account(profile.username),
            _author_name(profile),
            shorten(profile.note),
            [self._avatar(profile)],
            [("profile:username", profile.username)],
            hidden=not profile.discoverable,
        )

    def post(self, post: Post, author: Profile) -> Preview:
        """The preview of a post; of a sensitive one only its warning."""
        veiled = post.sensitive or bool(post.spoiler_text)
        pictures = [] if veiled else self._pictures(post.attachments) or [self._avatar(author)]
        times = [("article:published_time", post.created_at)]
        if post.edited_at:
            times.append(("article:modified_time", post.edited_at))
        return Preview(
            "article",
            self._at.post(author.username, post.id),
            _author_name(author),
            shorten(preview_text(post, self._texts)),
            pictures,
            [
                *times,
                ("article:author", self._at.account(author.username)),
                *(("article:tag", tag) for tag in (() if veiled else post.tags)),
                ("profile:username", author.username),
            ],
            large=bool(post.attachments) and not veiled,
            hidden=not author.discoverable or post.visibility != "public",
        )

    def product(self, product: Product, seller: Profile, *, available: bool) -> Preview:
        """The preview of a product with its lowest price."""
        amount = money(lowest_price(product), product.currency)["decimal"]
        return Preview(
            "product",
            self._at.product(product.id),
            shorten(product.title, MAX_TITLE),
            shorten(product.description),
            self._pictures(product.pictures),
            [
                *((f"{kind}:price:amount", amount) for kind in ("product", "og")),
                *((f"{kind}:price:currency", product.currency) for kind in ("product", "og")),
                ("product:availability", "in stock" if available else "out of stock"),
                ("product:retailer_item_id", product.id),
            ],
            large=bool(product.pictures),
            hidden=not seller.discoverable,
        )

    def shop(self, shop: Shop, owner: Profile, products: Sequence[Product]) -> Preview:
        """The preview of a shop with a picture of its newest product."""
        pictures = [picture for product in products for picture in product.pictures][:1]
        return Preview(
            "website",
            self._at.shop(shop.id),
            shorten(shop.name, MAX_TITLE),
            shorten(shop.description),
            self._pictures(pictures) or [self._avatar(owner)],
            large=bool(pictures),
            hidden=not owner.discoverable,
        )

    def _pictures(self, attachments: Sequence[Attachment]) -> list[PreviewImage]:
        return [
            PreviewImage(
                self._at.media(one.original),
                one.mime,
                one.original_size,
                shorten(one.description, MAX_ALT),
            )
            for one in attachments
        ]

    def _avatar(self, profile: Profile) -> PreviewImage:
        """All avatars have the size of the default one (services/media/pictures)."""
        name = profile.avatar or AVATAR
        mime = _MIMES[name.rpartition(".")[2]]
        return PreviewImage(self._at.avatar(profile.avatar), mime, Size(width=400, height=400))


_MIMES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


def preview_text(post: Post, texts: Texts) -> str:
    """The text of a post that may be shown before the post is opened."""
    if post.sensitive:
        return post.spoiler_text or texts("post.sensitive_short")
    return post.spoiler_text or post.text


def shorten(text: str, most: int = MAX_DESCRIPTION) -> str:
    """A text in one line, truncated between words to at most `most` characters."""
    line = " ".join(text[: 4 * most].split())
    if len(line) <= most and len(text) <= 4 * most:
        return line
    head = line[: most - 1]
    return f"{head.rpartition(' ')[0] or head}…"


def _author_name(profile: Profile) -> str:
    name = shorten(profile.display_name, MAX_TITLE - 40) or profile.username
    return f"{name} (@{profile.username})"

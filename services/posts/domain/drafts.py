"""Drafts: validated content of a new or edited post."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.chassis.errors import Invalid
from services.contracts import limits
from services.posts.domain.posts import PostRecord, Visibility
from services.posts.domain.text import clean, hashtags, mentioned_usernames
from services.shared.languages import language_code
from services.shared.text import count, entities, graphemes


@dataclass(frozen=True, slots=True)
class PostDraft:
    """Validated content whose references (pictures, usernames, parent) are not resolved yet."""

    text: str
    spoiler_text: str
    visibility: Visibility
    sensitive: bool
    language: str | None
    pictures: tuple[str, ...]
    products: tuple[str, ...]
    tags: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def create(
        cls,
        text: str,
        *,
        host: str = "",
        spoiler_text: str = "",
        visibility: Visibility | None = None,
        sensitive: bool = False,
        language: str | None = None,
        pictures: Iterable[str] = (),
        products: Iterable[str] = (),
    ) -> PostDraft:
        """Validate content. `host` is the host of this instance. Raises `Invalid`."""
        text, spoiler = clean(text), clean(spoiler_text)
        picture_ids, product_ids = _unique(pictures), _unique(products)
        found = entities(text)
        _check_length(count(text, found) + graphemes(spoiler))
        _check_pictures(picture_ids)
        _check_products(product_ids)
        _check_content(text, picture_ids)
        return cls(
            text=text,
            spoiler_text=spoiler,
            visibility=visibility or "public",
            sensitive=sensitive or bool(spoiler),
            language=language_code(language),
            pictures=picture_ids,
            products=product_ids,
            tags=hashtags(found),
            names=mentioned_usernames(found, host),
        )


@dataclass(frozen=True, slots=True)
class PostEdit:
    """The requested changes of a post. `None` keeps the current value."""

    text: str | None = None
    spoiler_text: str | None = None
    sensitive: bool | None = None
    language: str | None = None
    pictures: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None

    def to_draft(self, post: PostRecord, host: str = "") -> PostDraft:
        """Return the complete content after the edit. Raises `Invalid`."""
        kept = tuple(picture.id for picture in post.attachments)
        return PostDraft.create(
            post.text if self.text is None else self.text,
            host=host,
            spoiler_text=post.spoiler_text if self.spoiler_text is None else self.spoiler_text,
            visibility=post.visibility,
            sensitive=post.sensitive if self.sensitive is None else self.sensitive,
            language=post.language if self.language is None else self.language,
            pictures=kept if self.pictures is None else self.pictures,
            products=post.product_ids if self.products is None else self.products,
        )


def _unique(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


def _check_length(characters: int) -> None:
    if characters > limits.MAX_POST_CHARACTERS:
        raise Invalid(
            f"The text has {characters} characters."
            f" The limit is {limits.MAX_POST_CHARACTERS} characters."
        )


def _check_pictures(pictures: tuple[str, ...]) -> None:
    if len(pictures) > limits.MAX_PICTURES:
        raise Invalid(f"A post can have at most {limits.MAX_PICTURES} pictures.")


def _check_products(products: tuple[str, ...]) -> None:
    if len(products) > limits.MAX_PRODUCT_TAGS:
        raise Invalid(f"A post can show at most {limits.MAX_PRODUCT_TAGS} products.")


def _check_content(text: str, pictures: tuple[str, ...]) -> None:
    if not text and not pictures:
        raise Invalid("A post needs a text or a picture.")

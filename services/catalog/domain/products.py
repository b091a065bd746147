"""Products: what may be sold, who may change it, and what a change makes of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from services.catalog.domain.shops import ShopRecord, check_revision, check_same_request
from services.catalog.domain.texts import normalize_description, normalize_name, normalize_title
from services.chassis.errors import Forbidden, Invalid, NotFound
from services.contracts import limits
from services.shared.pictures import Picture
from services.shared.words import has_no_blanks, index_terms, words

MAX_TERMS = 30
"""Search terms of one product. A title with more terms keeps them all, up to MAX_TITLE_TERMS."""

MAX_TITLE_TERMS = 200
"""Enough for a title in a script without blanks: its characters and their pairs."""

NO_SUCH_PRODUCT = "There is no such product."


@dataclass(frozen=True, slots=True)
class VariantRecord:
    """One way in which a product is sold."""

    id: str
    name: str
    price: int


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """The stored document of a product. All fields but the last two are public, as of a shop."""

    id: str
    shop: str
    seller: str
    currency: str
    created_at: str
    title: str = ""
    description: str = ""
    pictures: tuple[Picture, ...] = ()
    variants: tuple[VariantRecord, ...] = ()
    edited_at: str | None = None
    archived: bool = False
    deleted: bool = False
    revision: int = 1
    fingerprint: str = ""

    @property
    def is_offered(self) -> bool:
        """Whether its seller offers it. Its shop may be closed nevertheless."""
        return not (self.archived or self.deleted)

    @property
    def terms(self) -> list[str]:
        """The terms under which it is found: those of the title come first."""
        if not self.is_offered:
            return []
        title = _terms(self.title)[:MAX_TITLE_TERMS]
        return list(dict.fromkeys([*title, *_terms(self._text)]))[: max(MAX_TERMS, len(title))]

    def matches(self, sought: Iterable[str]) -> bool:
        """Whether it is offered and its text contains all the words."""
        there = words(self._text)
        return self.is_offered and all(
            any(word in one for one in there) if has_no_blanks(word) else word in there
            for word in sought
        )

    @property
    def _text(self) -> str:
        return " ".join((self.title, *(one.name for one in self.variants), self.description))

    def variant(self, id: str) -> VariantRecord | None:
        return next((variant for variant in self.variants if variant.id == id), None)


PRIVATE_FIELDS = frozenset({"revision", "fingerprint"})
PUBLIC_FIELDS = tuple(
    field.name for field in fields(ProductRecord) if field.name not in PRIVATE_FIELDS
)


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """The content of a product, validated."""

    title: str
    description: str
    pictures: tuple[str, ...]
    variants: tuple[VariantRecord, ...]

    @classmethod
    def of(
        cls,
        title: str,
        description: str,
        pictures: Iterable[str],
        variants: Sequence[VariantRecord],
    ) -> ProductDraft:
        """Return a valid draft. Raises `Invalid`."""
        chosen = tuple(dict.fromkeys(pictures))
        if len(chosen) > limits.MAX_PICTURES:
            raise Invalid(f"A product can have at most {limits.MAX_PICTURES} pictures.")
        if not 1 <= len(variants) <= limits.MAX_VARIANTS:
            raise Invalid(f"A product needs 1 to {limits.MAX_VARIANTS} variants.")
        sold = tuple(replace(one, name=normalize_name(one.name, "A variant")) for one in variants)
        if len({one.name for one in sold}) < len(sold) or len({one.id for one in sold}) < len(sold):
            raise Invalid("Two variants of the product are the same.")
        return cls(
            normalize_title(title, "A product"), normalize_description(description), chosen, sold
        )


def create_product(
    draft: ProductDraft,
    shop: ShopRecord,
    *,
    id: str,
    now: str,
    pictures: tuple[Picture, ...],
    fingerprint: str,
) -> ProductRecord:
    """Return a new product of a shop."""
    return ProductRecord(
        id=id,
        shop=shop.id,
        seller=shop.owner,
        currency=shop.currency,
        created_at=now,
        title=draft.title,
        description=draft.description,
        pictures=pictures,
        variants=draft.variants,
        fingerprint=fingerprint,
    )


def create_once(existing: ProductRecord | None, new: ProductRecord) -> ProductRecord:
    """Return the existing product if the same request created it.

    Raises as `check_same_request`.
    """
    if existing is not None:
        check_same_request(existing.seller, existing.fingerprint, new.seller, new.fingerprint)
    return existing or new


def edit(
    product: ProductRecord | None,
    draft: ProductDraft,
    *,
    archived: bool,
    pictures: tuple[Picture, ...],
    user: str,
    seen: Container[int],
    now: str,
) -> ProductRecord:
    """Return the edited product, or the same one if nothing changes.

    Raises `PreconditionFailed` if the product's revision is not among those `seen`.
    """
    product = require_own(product, user)
    check_revision(product.revision, seen)
    new = replace(
        product,
        title=draft.title,
        description=draft.description,
        pictures=pictures,
        variants=draft.variants,
        archived=archived,
    )
    return product if new == product else replace(new, edited_at=now, revision=product.revision + 1)


def require_own(product: ProductRecord | None, user: str) -> ProductRecord:
    """Return the product if the user may change it. Raises `NotFound` or `Forbidden`."""
    if product is None or product.deleted or (product.archived and product.seller != user):
        raise product_not_found()
    if product.seller != user:
        raise Forbidden("This product belongs to another user.")
    return product


def tombstone(product: ProductRecord) -> ProductRecord:
    """Return the tombstone of a product whose seller deleted their account."""
    if product.deleted:
        return product
    return replace(
        product,
        title="",
        description="",
        pictures=(),
        variants=(),
        deleted=True,
        revision=product.revision + 1,
    )


def to_public(data: dict[str, Any]) -> dict[str, Any]:
    """Return the public fields of a product's document, given as JSON."""
    return {name: value for name, value in data.items() if name not in PRIVATE_FIELDS}


def product_not_found() -> NotFound:
    """The error for a product that does not exist or is not visible to the caller."""
    return NotFound(NO_SUCH_PRODUCT)


def _terms(text: str) -> list[str]:
    return list(dict.fromkeys(term for word in words(text) for term in index_terms(word)))

"""Shops: who may change them, and what a change makes of them."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, fields, replace
from typing import Any

from services.catalog.domain.texts import normalize_description, normalize_title
from services.chassis.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed

NO_SUCH_SHOP = "There is no such shop."


@dataclass(frozen=True, slots=True)
class ShopRecord:
    """The stored document of a shop. All fields but the last two are public.

    `revision` grows with each change. `fingerprint` identifies the request that created the shop:
    another request with the same idempotency key has another fingerprint.
    """

    id: str
    owner: str
    currency: str
    created_at: str
    name: str = ""
    description: str = ""
    edited_at: str | None = None
    archived: bool = False
    deleted: bool = False
    revision: int = 1
    fingerprint: str = ""


PRIVATE_FIELDS = frozenset({"revision", "fingerprint"})
PUBLIC_FIELDS = tuple(
    field.name for field in fields(ShopRecord) if field.name not in PRIVATE_FIELDS
)


@dataclass(frozen=True, slots=True)
class ShopEdit:
    """A change of a shop. `None` leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    archived: bool | None = None


def create_shop(
    *, id: str, owner: str, name: str, description: str, currency: str, now: str, fingerprint: str
) -> ShopRecord:
    """Return a new shop. Raises `Invalid`."""
    return ShopRecord(
        id=id,
        owner=owner,
        currency=currency,
        created_at=now,
        name=normalize_title(name, "A shop"),
        description=normalize_description(description),
        fingerprint=fingerprint,
    )


def create_once(existing: ShopRecord | None, new: ShopRecord) -> ShopRecord:
    """Return the existing shop if the same request created it. Raises as `check_same_request`."""
    if existing is not None:
        check_same_request(existing.owner, existing.fingerprint, new.owner, new.fingerprint)
    return existing or new


def check_same_request(owner: str, fingerprint: str, new_owner: str, new_fingerprint: str) -> None:
    """Check that the same request created the existing document.

    Raises `Invalid` if the idempotency key was used for another request, `Conflict` if the id is
    taken.
    """
    if owner != new_owner or not fingerprint:
        raise Conflict("The new id is taken. Try again.")
    if fingerprint != new_fingerprint:
        raise Invalid("This idempotency key was used for another request.", code="key_reused")


def edit(
    shop: ShopRecord | None, change: ShopEdit, *, user: str, seen: Container[int], now: str
) -> ShopRecord:
    """Return the edited shop, or the same one if nothing changes.

    Raises `PreconditionFailed` if the shop's revision is not among those `seen`.
    """
    shop = require_own(shop, user)
    check_revision(shop.revision, seen)
    new = replace(
        shop,
        name=shop.name if change.name is None else normalize_title(change.name, "A shop"),
        description=(
            shop.description
            if change.description is None
            else normalize_description(change.description)
        ),
        archived=shop.archived if change.archived is None else change.archived,
    )
    return shop if new == shop else replace(new, edited_at=now, revision=shop.revision + 1)


def require_own(shop: ShopRecord | None, user: str) -> ShopRecord:
    """Return the shop if the user may change it. Raises `NotFound` or `Forbidden`."""
    if shop is None or shop.deleted or (shop.archived and shop.owner != user):
        raise shop_not_found()
    if shop.owner != user:
        raise Forbidden("This shop belongs to another user.")
    return shop


def tombstone(shop: ShopRecord) -> ShopRecord:
    """Return the tombstone of a shop whose owner deleted their account."""
    if shop.deleted:
        return shop
    return replace(shop, name="", description="", deleted=True, revision=shop.revision + 1)


def to_public(data: dict[str, Any]) -> dict[str, Any]:
    """Return the public fields of a shop's document, given as JSON."""
    return {name: value for name, value in data.items() if name not in PRIVATE_FIELDS}


def check_revision(revision: int, seen: Container[int]) -> None:
    """Raise `PreconditionFailed` unless the caller has seen the current revision."""
    if revision not in seen:
        raise PreconditionFailed("It was changed since you read it. Read it again.")


def shop_not_found() -> NotFound:
    """The error for a shop that does not exist or is not visible to the caller."""
    return NotFound(NO_SUCH_SHOP)

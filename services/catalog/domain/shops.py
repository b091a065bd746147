"""Shops: who may change them, and what they become."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, fields, replace
from typing import Any

from services.catalog.domain.texts import normalize_description, normalize_title
from services.chassis.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed


@dataclass(frozen=True, slots=True)
class ShopRecord:
    """A shop. Others hear of everything but the last two.

    `revision` grows with each change; `fingerprint` tells a repeated request from another one with
    the same key.
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
    """What somebody wants a shop to be; `None` leaves a part as it is."""

    name: str | None = None
    description: str | None = None
    archived: bool | None = None


def create_shop(
    *, id: str, owner: str, name: str, description: str, currency: str, now: str, fingerprint: str
) -> ShopRecord:
    """A new shop. Raises `Invalid`."""
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
    """The shop that is there after opening one, perhaps again. Raises as `again`."""
    if existing is not None:
        check_same_request(existing.owner, existing.fingerprint, new.owner, new.fingerprint)
    return existing or new


def check_same_request(owner: str, fingerprint: str, new_owner: str, new_fingerprint: str) -> None:
    """Whether what is there was made by the same request.

    Raises `Invalid` if the key of the request was used for another one, `Conflict` if the id is
    taken.
    """
    if owner != new_owner or not fingerprint:
        raise Conflict("The new id is taken. Try again.")
    if fingerprint != new_fingerprint:
        raise Invalid("This idempotency key was used for something else.", code="key_reused")


def edit(
    shop: ShopRecord | None, edit: ShopEdit, *, user: str, seen: Container[int], now: str
) -> ShopRecord:
    """A shop after an edit; the same shop if that changes nothing.

    Raises `PreconditionFailed` if it has changed from what the edit builds on.
    """
    shop = require_own(shop, user)
    check_revision(shop.revision, seen)
    new = replace(
        shop,
        name=shop.name if edit.name is None else normalize_title(edit.name, "A shop"),
        description=(
            shop.description
            if edit.description is None
            else normalize_description(edit.description)
        ),
        archived=shop.archived if edit.archived is None else edit.archived,
    )
    return shop if new == shop else replace(new, edited_at=now, revision=shop.revision + 1)


def require_own(shop: ShopRecord | None, user: str) -> ShopRecord:
    """A shop to change. Raises `NotFound`, or `Forbidden` for somebody else's."""
    if shop is None or shop.deleted or (shop.archived and shop.owner != user):
        raise shop_not_found()
    if shop.owner != user:
        raise Forbidden("This is somebody else's shop.")
    return shop


def tombstone(shop: ShopRecord) -> ShopRecord:
    """What is left of a shop whose owner is gone."""
    if shop.deleted:
        return shop
    return replace(shop, name="", description="", deleted=True, revision=shop.revision + 1)


def to_public(data: dict[str, Any]) -> dict[str, Any]:
    """What others hear of a shop, from its document as JSON."""
    return {name: value for name, value in data.items() if name not in PRIVATE_FIELDS}


def check_revision(revision: int, seen: Container[int]) -> None:
    """Whether somebody has seen what they change. Raises `PreconditionFailed`."""
    if revision not in seen:
        raise PreconditionFailed("It was changed since you read it. Read it again.")


def shop_not_found() -> NotFound:
    """Not there and not visible are told apart by nobody."""
    return NotFound("There is no such shop.")

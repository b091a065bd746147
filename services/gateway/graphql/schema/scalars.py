"""Scalars, enums and small types."""

from __future__ import annotations

from enum import Enum
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from services.contracts import posts as contracts
from services.gateway.presentation.urls import PublicUrls

Time = NewType("Time", str)


def _parse_minor(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
        raise TypeError("Minor must be an integer of at most 53 bits.")
    return value


Minor = NewType("Minor", int)

SCALARS: dict[object, ScalarDefinition] = {
    Time: strawberry.scalar(
        name="DateTime",
        description="A time in UTC as RFC 3339, with milliseconds and `Z`.",
        serialize=str,
        parse_value=str,
    ),
    Minor: strawberry.scalar(
        name="Minor",
        description="An integer amount in a currency's minor units, of up to 53 bits.",
        serialize=int,
        parse_value=_parse_minor,
    ),
}


@strawberry.enum(description="The audience of a post.")
class Visibility(Enum):
    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"
    DIRECT = "direct"


@strawberry.type(description="A field of a profile.")
class ProfileField:
    name: str
    value: str
    verified_at: str | None


@strawberry.type(name="Picture", description="A picture in its original and in a small size.")
class ShownPicture:
    id: strawberry.ID
    url: str
    width: int
    height: int
    preview_url: str
    preview_width: int
    preview_height: int
    description: str
    blurhash: str

    @classmethod
    def of(cls, source: contracts.Attachment, at: PublicUrls) -> ShownPicture:
        """From an attachment of a post."""
        return cls(
            id=strawberry.ID(source.id),
            url=at.media(source.original),
            width=source.original_size.width,
            height=source.original_size.height,
            preview_url=at.media(source.small),
            preview_width=source.small_size.width,
            preview_height=source.small_size.height,
            description=source.description,
            blurhash=source.blurhash,
        )


@strawberry.type(description="A hashtag.")
class Tag:
    name: str
    url: str


@strawberry.type(description="A version of a post.")
class Version:
    html: str
    spoiler_text: str
    sensitive: bool
    pictures: list[ShownPicture]
    created_at: Time

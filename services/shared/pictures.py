"""Pictures as media describes them on a claim; posts and products store them in this form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureSize:
    """A size in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as media described it when it was claimed."""

    id: str
    owner: str
    mime: str
    original: str
    small: str
    original_size: PictureSize
    small_size: PictureSize
    blurhash: str
    description: str = ""
    focus: tuple[float, float] = (0.0, 0.0)
    medium: str = ""
    medium_size: PictureSize | None = None

"""The rules of pictures: whose they are, what is said of them, which post shows them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from services.chassis.errors import Invalid, NotFound
from services.contracts import limits
from services.shared.text import graphemes

ORPHAN_HOURS = 24
"""For how many hours a picture waits for a post, the first one or the next."""

Focus = tuple[float, float]

_EXTENSIONS = {"image/jpeg": "jpg", "image/webp": "webp"}
_MIME_BY_EXTENSION = {ending: mime for mime, ending in _EXTENSIONS.items()}
_NAME_PATTERN = re.compile(r"[0-9]{18,20}-[0-9a-f]{16}-[osah]\.(jpg|webp)")


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AttachmentRecord:
    """An uploaded picture. `claimed_by` is the post that shows it; `deleted` is the tombstone.

    `released_by` is a post that was deleted, at `released_at` (in seconds since 1970), and showed
    it: until another one does, nobody sees it.
    """

    id: str
    owner: str
    mime: str = ""
    original: str = ""
    small: str = ""
    original_size: PixelSize = PixelSize(0, 0)
    small_size: PixelSize = PixelSize(0, 0)
    blurhash: str = ""
    description: str = ""
    focus: Focus = (0.0, 0.0)
    claimed_by: str = ""
    deleted: bool = False
    released_by: str = ""
    released_at: float = 0.0

    @property
    def is_visible(self) -> bool:
        """Whether who knows the name of a file of it may have that."""
        return not (self.deleted or self.released_by)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(dict.fromkeys(name for name in (self.original, self.small) if name))


def check_id(id: str) -> str:
    """An id that may be a key. Raises `NotFound` for what cannot be one."""
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise NotFound("There is no such picture.")
    return id


def require_own(attachment: AttachmentRecord | None, user: str) -> AttachmentRecord:
    """A picture of somebody's own. Raises `NotFound` for all others."""
    if attachment is None or attachment.deleted or attachment.owner != user:
        raise NotFound("There is no such picture of yours.")
    return attachment


def claim(attachment: AttachmentRecord | None, user: str, post: str) -> AttachmentRecord:
    """A picture that a post shows. Raises `Invalid`; the same post may claim it again."""
    if attachment is None or attachment.deleted or attachment.owner != user:
        raise Invalid("A picture of the post is not there, or is not yours. Upload it again.")
    if attachment.claimed_by not in ("", post):
        raise Invalid("A picture of the post is part of another post. Upload it again.")
    return replace(attachment, claimed_by=post, released_by="", released_at=0.0)


def release(attachment: AttachmentRecord, post: str, now: float) -> AttachmentRecord | None:
    """A picture of a post that is deleted, for another one to show; `None` if it is not its own."""
    if attachment.deleted or attachment.claimed_by != post:
        return None
    return replace(attachment, claimed_by="", released_by=post, released_at=now)


def belongs_to(attachment: AttachmentRecord, post: str) -> bool:
    """Whether a post shows a picture, or was the last to."""
    return (attachment.claimed_by or attachment.released_by) == post


def is_orphaned(attachment: AttachmentRecord, now: float) -> bool:
    """Whether a picture that waited from its upload on has waited as long since its last post."""
    return not attachment.claimed_by and now >= attachment.released_at + ORPHAN_HOURS * 3600


def edit(
    attachment: AttachmentRecord, description: str | None = None, focus: Focus | None = None
) -> AttachmentRecord:
    """A picture with another description or focus; `None` leaves a part as it is."""
    return replace(
        attachment,
        description=attachment.description
        if description is None
        else normalize_description(description),
        focus=attachment.focus if focus is None else check_focus(*focus),
    )


def tombstone(attachment: AttachmentRecord) -> AttachmentRecord:
    """What is left of a picture that is gone: the names of its files, until they are gone too."""
    return replace(attachment, blurhash="", description="", focus=(0.0, 0.0), deleted=True)


def normalize_description(text: str) -> str:
    """A description as it is kept. Raises `Invalid`."""
    text = text.replace("\x00", "").strip()
    characters = graphemes(text)
    if characters > limits.DESCRIPTION_CHARACTERS:
        raise Invalid(
            f"The description has {characters} characters;"
            f" at most {limits.DESCRIPTION_CHARACTERS} are possible."
        )
    return text


def check_focus(x: float, y: float) -> Focus:
    """The middle of what matters, each from -1 to 1. Raises `Invalid`."""
    if not all(math.isfinite(part) and -1 <= part <= 1 for part in (x, y)):
        raise Invalid("The focus is two numbers from -1 to 1, such as «0.0,0.5».")
    return (x, y)


def parse_focus(text: str) -> Focus:
    """The focal point in a query, the middle where there is none. Raises `Invalid`."""
    if not text:
        return (0.0, 0.0)
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise Invalid("The focus is two numbers from -1 to 1, such as «0.0,0.5».") from None
    return check_focus(x, y)


def file_name(id: str, secret: str, part: str, mime: str) -> str:
    """A name that nobody can guess: whoever knows it was shown the picture."""
    return f"{id}-{secret}-{part}.{_EXTENSIONS[mime]}"


def file_part(name: str) -> str:
    """What a file is: the small or the original one of a picture, an avatar, a header."""
    return name.rpartition("-")[2].partition(".")[0]


def content_type(name: str) -> str:
    """The type of a file by its name. Raises `NotFound` for all that we never gave as a name."""
    match = _NAME_PATTERN.fullmatch(name)
    if match is None:
        raise NotFound("There is no such file.")
    return _MIME_BY_EXTENSION[match[1]]

"""What a person wrote in the form of a post, so that it can be shown again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from starlette.datastructures import UploadFile

from services.chassis.errors import Invalid
from services.contracts import limits
from services.contracts.posts import Post
from services.gateway.application.media import parse_focus
from services.gateway.application.post_edits import PictureChange
from services.gateway.application.post_inputs import PostInput
from services.gateway.http.params import RequestParams
from services.gateway.web.form_keys import new_key

CENTRE = "0,0"
"""The focal point of a picture that has no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPicture:
    """A picture of a draft: an uploaded one by its `id`, or a `file` that comes with the form.

    `focus` is `x,y`. `url` is its preview, and `fault` says what is wrong with it.
    """

    id: str = ""
    description: str = ""
    focus: str = CENTRE
    file: UploadFile | None = None
    url: str = ""
    fault: str = ""

    @property
    def point(self) -> list[float] | None:
        """The focal point; None for none that can be read."""
        return parse_focus(self.focus)

    @property
    def change(self) -> PictureChange:
        """Its description and focal point, as an edit."""
        return PictureChange(self.id, self.description, self.point)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The fields of a post's form. `key` is the idempotency key: it makes one post only."""

    key: str = field(default_factory=new_key)
    text: str = ""
    spoiler_text: str = ""
    visibility: str = "public"
    sensitive: bool = False
    in_reply_to_id: str = ""
    product_ids: Sequence[str] = ()
    pictures: Sequence[DraftPicture] = ()

    @classmethod
    def of_form(cls, form: RequestParams) -> Draft:
        """The draft in a form that was sent. Raises `Invalid` for one that is none of ours."""
        return cls(
            key=form.string("key")[:100] or new_key(),
            text=_lines(form.string("text")),
            spoiler_text=form.string("spoiler_text"),
            visibility=form.string("visibility"),
            sensitive=bool(form.boolean("sensitive")),
            in_reply_to_id=form.string("in_reply_to_id"),
            product_ids=list(dict.fromkeys(form.strings("product_ids") or ())),
            pictures=_pictures(form.objects("pictures") or ()),
        )

    @classmethod
    def of_post(cls, post: Post) -> Draft:
        """The draft with which a post can be written again."""
        return cls(
            text=post.text,
            spoiler_text=post.spoiler_text,
            visibility=post.visibility,
            sensitive=post.sensitive,
            in_reply_to_id=post.in_reply_to_id or "",
            product_ids=post.product_ids,
            pictures=[
                DraftPicture(
                    id=picture.id,
                    description=picture.description,
                    focus=f"{picture.focus[0]:g},{picture.focus[1]:g}",
                )
                for picture in post.attachments
            ],
        )

    @property
    def edited_content(self) -> tuple[object, ...]:
        """What the form of an edit can change."""
        pictures = [(one.id, one.description.strip(), one.focus) for one in self.pictures]
        return self.text.strip(), self.spoiler_text.strip(), self.sensitive, pictures

    @property
    def has_faults(self) -> bool:
        """Whether something is wrong with a picture."""
        return any(picture.fault for picture in self.pictures)

    def post_input(self) -> PostInput:
        """The post that it makes."""
        return PostInput(
            text=self.text,
            media_ids=[picture.id for picture in self.pictures if picture.id],
            product_ids=self.product_ids,
            in_reply_to_id=self.in_reply_to_id or None,
            spoiler_text=self.spoiler_text,
            visibility=self.visibility or None,
            sensitive=self.sensitive,
        )


def _lines(text: str) -> str:
    """Forms send line breaks as CR LF."""
    return text.replace("\r\n", "\n")


def _pictures(rows: Sequence[RequestParams]) -> list[DraftPicture]:
    """The pictures in the order of their positions, without empty rows and removed ones."""
    kept = [row for row in rows[: 2 * limits.MAX_PICTURES] if not row.boolean("remove")]
    return [picture for picture in map(_picture, _in_order(kept)) if _is_filled(picture)]


def _picture(row: RequestParams) -> DraftPicture:
    return DraftPicture(
        id=row.string("id"),
        description=_lines(row.string("description")),
        focus=row.string("focus") or CENTRE,
        file=row.file("file"),
    )


def _is_filled(picture: DraftPicture) -> bool:
    return bool(picture.id or picture.file or picture.description.strip())


def _in_order(rows: Iterable[RequestParams]) -> list[RequestParams]:
    """Rows by their positions. A row that was moved passes the one that is there."""
    placed = []
    for index, row in enumerate(rows, 1):
        try:
            position = row.integer("position") or index
        except Invalid:
            position = index
        passing = 0.5 if position > index else -0.5 if position < index else 0
        placed.append((position + passing, index, row))
    return [row for _, _, row in sorted(placed, key=lambda place: place[:2])]

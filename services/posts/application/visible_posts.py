"""Posts as one viewer sees them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from services.posts.domain.interactions import BoostState, Interaction, Reaction, count_for_viewer
from services.posts.domain.posts import PUBLIC_FIELDS, PostRecord
from services.posts.repository import PostDetails, decode_list_head


@dataclass(frozen=True, slots=True)
class VisiblePost:
    """A post that a viewer may see, with its counts; for a boost, also the original post."""

    post: PostRecord
    version: int
    details: PostDetails
    reblog: VisiblePost | None = None

    @property
    def interaction(self) -> Interaction | None:
        """The viewer's interaction with the post."""
        return self.details.interaction

    def view(self, newer: Interaction | None = None) -> dict[str, Any]:
        """Return the `PostView`, with an interaction that is newer than the one that was read."""
        if self.reblog is not None:
            return _boost_view(self.post, self.version, self.reblog.view(newer))
        interaction = newer or self.interaction
        favourite = interaction.favourite if interaction else Reaction()
        reblog = interaction.reblog if interaction else BoostState()
        view = post_view(
            self.post,
            self.version,
            favourites=count_for_viewer(decode_list_head(self.details.favouriters), favourite),
            reblogs=count_for_viewer(decode_list_head(self.details.rebloggers), reblog),
            replies=self.details.replies,
            interaction=interaction,
        )
        return view | {"pinned": self.details.pinned}

    def is_current_reaction(self, kind: str, id: str) -> bool:
        """Return whether a list row with this id is the viewer's current reaction."""
        interaction = self.interaction or Interaction("", "")
        reaction = interaction.favourite if kind == "favourite" else interaction.bookmark
        return reaction.position == id


def post_view(
    post: PostRecord,
    version: int,
    *,
    favourites: int = 0,
    reblogs: int = 0,
    replies: int = 0,
    interaction: Interaction | None = None,
) -> dict[str, Any]:
    """Return the JSON of a `PostView`."""
    return {
        "post": {name: getattr(post, name) for name in PUBLIC_FIELDS},
        "version": version,
        "counts": {"favourites": favourites, "reblogs": reblogs, "replies": replies},
        "favourited": interaction is not None and interaction.favourite.on,
        "bookmarked": interaction is not None and interaction.bookmark.on,
        "reblogged": interaction is not None and interaction.reblog.on,
        "pinned": False,
        "reblog": None,
    }


def _boost_view(boost: PostRecord, version: int, original: dict[str, Any]) -> dict[str, Any]:
    """Return the `PostView` of a boost. Counts and reactions are those of the original."""
    own = {"post", "version", "pinned", "reblog"}
    shared = {name: value for name, value in original.items() if name not in own}
    return post_view(boost, version) | shared | {"reblog": original}


def with_original(id: str, seen: dict[str, VisiblePost]) -> VisiblePost | None:
    """Return a visible post. A boost is visible only with its original."""
    found = seen.get(id)
    if found is None or not found.post.reblog_of_id:
        return found
    original = seen.get(found.post.reblog_of_id)
    return replace(found, reblog=original) if original else None

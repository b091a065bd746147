"""The history of a post."""

from __future__ import annotations

from dataclasses import dataclass

from services.posts.domain.posts import PostRevision

MAX_VERSIONS = 100
"""How many earlier versions of a post are kept."""


@dataclass(frozen=True, slots=True)
class PostHistory:
    """The document `history:POST`: earlier versions with their revision numbers, oldest first."""

    versions: tuple[tuple[int, PostRevision], ...] = ()

    def with_revision(self, revision: int, version: PostRevision) -> PostHistory:
        """Return the history with a version. A known revision changes nothing."""
        known = dict(self.versions)
        if revision in known:
            return self
        return PostHistory(tuple(sorted({**known, revision: version}.items())[-MAX_VERSIONS:]))

    def before(self, revision: int) -> list[PostRevision]:
        """Return the versions before a revision, oldest first."""
        return [version for kept, version in self.versions if kept < revision]

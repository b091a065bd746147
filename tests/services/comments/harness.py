"""The comments service with posts, and shortcuts for requests."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.storage.segmented_list import SegmentedLists
from services.comments.app import create_app
from tests.fakes import FakeCluster, FakeState, RunningReplica
from tests.services.posts.harness import FakeNeighbours, PostsUser
from tests.services.posts.harness import PostsHarness as PostsTown


def comments_app(settings: Settings) -> FastAPI:
    return create_app(Service(settings))


class CommentsHarness(PostsTown):
    """Running posts and comments services."""

    def __init__(
        self,
        cluster: FakeCluster,
        posts: RunningReplica,
        others: FakeNeighbours,
        comments: RunningReplica,
    ) -> None:
        super().__init__(cluster, posts, others)
        self.comments = comments

    @classmethod
    async def start(cls, cluster: FakeCluster) -> CommentsHarness:
        harness = await PostsTown.start(cluster)
        return cls(
            cluster,
            harness.posts,
            harness.neighbours,
            await cluster.start(comments_app, "comments"),
        )

    async def thread(self, id: str, person: PostsUser | None = None, **params: str) -> Any:
        token = person.token if person else ""
        path = f"/threads/{id}"
        answer = await self.comments.call("GET", path, token=token, params=params)
        assert answer.status == 200, answer.text
        return answer.json()

    async def descendants(self, id: str, person: PostsUser) -> list[str]:
        found: list[str] = (await self.thread(id, person))["descendants"]
        return found

    def stored_post(self, id: str) -> dict[str, Any]:
        """Return the stored document of a post."""
        data: dict[str, Any] = self.cluster.state("posts").peek(f"post:{id}")["data"]
        return data

    async def check_consistency(self) -> None:
        """Check that lists, counts and tombstones agree with the existing posts."""
        posts, comments = self.cluster.state("posts"), self.cluster.state("comments")
        docs = {key[5:]: posts.peek(key)["data"] for key in posts.keys("post:")}
        there = {id: doc for id, doc in docs.items() if not doc["deleted"]}
        replies = {id: doc for id, doc in there.items() if doc["in_reply_to_id"]}
        above = {id: nearest(doc, docs) for id, doc in replies.items()}
        for id, doc in replies.items():
            assert above[id], f"{id} has outlived a post that took all below it along"
            assert doc["in_reply_to_id"] == above[id] or may_stay(doc, docs, above[id])
            assert doc["in_reply_to_account_id"] == docs[doc["in_reply_to_id"]]["author"]
        removed = set()
        for id, doc in docs.items():
            if doc["in_reply_to_id"]:
                known = comments.peek(f"comment:{id}")["data"]
                assert known["deleted"] == doc["deleted"], id
                assert doc["deleted"] or known["parent"] == above[id]
                if doc["deleted"] and not known["with_replies"]:
                    removed.add(id)
        for id in there:
            below = {r: d for r, d in replies.items() if above[r] == id}
            open_ = {r for r, d in below.items() if d["visibility"] in ("public", "unlisted")}
            assert await rows(comments, "replies", id) == open_
            assert await rows(comments, "whispers", id) == below.keys() - open_
            whole = {r for r, d in replies.items() if d["path"][0][0] == id}
            left = {r for r in removed if docs[r]["path"][0][0] == id}
            assert await rows(comments, "thread", id) == whole | left
            assert await rows(comments, "removed", id) == left
            tally = posts.peek(f"tally:{id}")
            assert (tally["data"]["replies"] if tally else 0) == len(open_)


def nearest(doc: dict[str, Any], docs: dict[str, dict[str, Any]]) -> str:
    """Return the nearest remaining post above, or empty if one was deleted with its replies."""
    for id, _ in reversed(doc["path"]):
        above = docs[id]
        if not above["deleted"]:
            return str(id)
        if above["with_replies"] or not above["path"]:
            return ""
    return ""


def may_stay(doc: dict[str, Any], docs: dict[str, dict[str, Any]], above: str) -> bool:
    """Return whether a reply may keep a deleted parent, because the post above is not public."""
    seen = [docs[id]["visibility"] for id in (doc["in_reply_to_id"], above)]
    return docs[doc["in_reply_to_id"]]["deleted"] and not {"public", "unlisted"} & {*seen}


async def rows(state: FakeState, kind: str, id: str) -> set[str]:
    """Return the ids of a list, and check its total."""
    lists = SegmentedLists(state, kind)
    found = await lists.all(id)
    assert (await lists.head(id)).total == len(found)
    return {row[0] for row in found}

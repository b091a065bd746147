"""The rules of posts and interactions."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Conflict, Invalid, NotFound
from services.chassis.storage.list_head import ListHead, SegmentRef
from services.contracts import limits
from services.contracts.posts import Mark as MarkContract
from services.contracts.posts import Post as PostContract
from services.posts.domain import interactions as mark_rules
from services.posts.domain.changes import (
    StaleRevision,
    apply_edit,
    can_delete,
    create_once,
    create_post,
    tombstone,
)
from services.posts.domain.drafts import PostDraft, PostEdit
from services.posts.domain.history import MAX_VERSIONS, PostHistory
from services.posts.domain.interactions import (
    MAX_PAST_IDS,
    BoostState,
    Interaction,
    Reaction,
    count_for_viewer,
)
from services.posts.domain.posts import PUBLIC_FIELDS, PostMention, PostRecord, PostRevision
from services.posts.domain.visibility import Access, AuthorRelationship, check_access, is_visible_to
from services.shared.pictures import Picture, PictureSize

NOW = "2026-05-10T05:12:31.402Z"
LATER = "2026-05-10T06:00:00.000Z"


def a_post(id: str = "100000000000000001", **changes: Any) -> PostRecord:
    return PostRecord(**{"id": id, "author": "1", "created_at": NOW, "text": "hello", **changes})


def a_picture(id: str) -> Picture:
    size = PictureSize(4, 3)
    return Picture(id, "1", "image/jpeg", f"{id}-o.jpg", f"{id}-s.jpg", size, size, "L")


# ── drafts ──────────────────────────────────────────────────────────────────────────────────


def test_text_and_spoiler_text_share_the_limit() -> None:
    PostDraft.create("a" * 2_000, spoiler_text="b" * 200)
    with pytest.raises(Invalid, match=r"2201 characters\. The limit is 2200"):
        PostDraft.create("a" * 2_000, spoiler_text="b" * 201)


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


@pytest.mark.parametrize("character", ["日", FAMILY, "e\u0301"])
def test_characters_are_counted_as_people_see_them(character: str) -> None:
    text = character * limits.MAX_POST_CHARACTERS
    assert PostDraft.create(text).text == text
    with pytest.raises(Invalid):
        PostDraft.create(text, spoiler_text=character)


def test_a_link_counts_as_a_short_one_however_long_it_is() -> None:
    link, left = (
        "https://example.org/" + "x" * 500,
        limits.MAX_POST_CHARACTERS - limits.LINK_CHARACTERS - 1,
    )
    assert PostDraft.create(f"{'a' * left} {link}")
    with pytest.raises(Invalid):
        PostDraft.create(f"{'a' * (left + 1)} {link}")


def test_a_text_or_a_picture_is_needed() -> None:
    assert PostDraft.create("", pictures=["5"]).pictures == ("5",)
    for text in ("", "  \n", "\x00"):
        with pytest.raises(Invalid, match="needs a text or a picture"):
            PostDraft.create(text, spoiler_text="careful")


def test_ten_pictures_at_most_each_once() -> None:
    assert len(PostDraft.create("", pictures=[str(n % 10) for n in range(20)]).pictures) == 10
    with pytest.raises(Invalid, match="at most 10 pictures"):
        PostDraft.create("", pictures=[str(n) for n in range(11)])


def test_a_spoiler_text_makes_a_post_sensitive() -> None:
    assert PostDraft.create("x", spoiler_text="careful").sensitive
    assert PostDraft.create("x", sensitive=True).sensitive
    assert not PostDraft.create("x").sensitive


def test_visibility_is_public_unless_said_otherwise() -> None:
    assert PostDraft.create("x").visibility == "public"
    assert PostDraft.create("x", visibility="direct").visibility == "direct"


# ── making and ending ───────────────────────────────────────────────────────────────────────


def test_events_have_all_fields_of_the_contract_and_no_other() -> None:
    assert set(PUBLIC_FIELDS) == set(PostContract.model_fields)
    assert {"revision", "fingerprint"} == {f.name for f in fields(PostRecord)} - set(PUBLIC_FIELDS)


def test_a_reply_remembers_whom_it_answers_and_the_nearest_posts_above() -> None:
    above = tuple((str(n), "9") for n in range(limits.MAX_PATH))
    parent = a_post("7", author="2", path=above)
    reply = create_post(PostDraft.create("yes"), id="8", author="1", now=NOW, parent=parent)
    assert (reply.in_reply_to_id, reply.in_reply_to_account_id) == ("7", "2")
    assert reply.path == (above[0], *above[2:], ("7", "2"))
    assert len(reply.path) == limits.MAX_PATH


def test_a_post_is_deleted_by_its_author_and_a_comment_by_whoever_made_the_topmost_post() -> None:
    comment = a_post("8", author="1", path=(("6", "3"), ("7", "2")))
    assert [user for user in "1234" if can_delete(comment, user)] == ["1", "3"]
    assert [user for user in "1234" if can_delete(a_post("6", author="3"), user)] == ["3"]


def test_the_same_request_again_gives_the_same_post() -> None:
    first, again = a_post(fingerprint="f", text="1"), a_post(fingerprint="f", text="2")
    assert create_once(None, first) is first
    assert create_once(first, again) is first


def test_the_same_key_for_another_request_is_refused() -> None:
    with pytest.raises(Invalid, match="used for another post"):
        create_once(a_post(fingerprint="f"), a_post(fingerprint="g"))


def test_a_key_whose_post_is_deleted_makes_no_other() -> None:
    with pytest.raises(NotFound):
        create_once(tombstone(a_post(fingerprint="f")), a_post(fingerprint="f"))


@pytest.mark.parametrize("post", [a_post(fingerprint=""), a_post(fingerprint="f", author="2")])
def test_an_id_that_is_taken_is_never_overwritten(post: PostRecord) -> None:
    with pytest.raises(Conflict):
        create_once(a_post(fingerprint="f"), post)


def test_a_tombstone_says_nothing_but_where_it_was() -> None:
    post = a_post(
        spoiler_text="s",
        attachments=(a_picture("5"),),
        tags=("t",),
        mentions=(PostMention("2", "bob"),),
        in_reply_to_id="7",
        language="en",
    )
    dead = tombstone(post)
    assert dead == a_post(text="", in_reply_to_id="7", deleted=True)
    assert tombstone(dead) is dead


# ── editing ─────────────────────────────────────────────────────────────────────────────────


def edit(post: PostRecord | None, wanted: PostEdit, revision: int = 1) -> PostRecord:
    return apply_edit(
        post,
        wanted.to_draft(post or a_post()),
        revision=revision,
        now=LATER,
        mentions=(),
        attachments=post.attachments if post else (),
    )


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    post = a_post(attachments=(a_picture("5"),), visibility="private", language="de")
    new = edit(post, PostEdit(text="now #new"))
    assert (new.text, new.tags, new.edited_at, new.revision) == ("now #new", ("new",), LATER, 2)
    assert (new.attachments, new.language, new.visibility) == (post.attachments, "de", "private")
    assert edit(post, PostEdit(language="")).language is None


def test_an_edit_that_changes_nothing_is_none() -> None:
    post = a_post()
    assert edit(post, PostEdit(text=" hello ")) is post


def test_an_edit_of_an_older_revision_is_decided_again() -> None:
    with pytest.raises(StaleRevision):
        edit(a_post(revision=2), PostEdit(text="x"))


@pytest.mark.parametrize("post", [None, tombstone(a_post())])
def test_what_is_gone_cannot_be_edited(post: PostRecord | None) -> None:
    with pytest.raises(NotFound):
        edit(post, PostEdit(text="x"))


def test_an_edit_keeps_the_rules() -> None:
    with pytest.raises(Invalid, match="needs a text or a picture"):
        PostEdit(text="").to_draft(a_post())


def test_history_holds_each_version_once_and_a_hundred_at_most() -> None:
    history = PostHistory()
    for n in range(1, MAX_VERSIONS + 3):
        version = PostRevision(
            f"v{n}", "", sensitive=False, language=None, attachments=(), created_at=""
        )
        history = history.with_revision(n, version).with_revision(n, version)
    assert [version.text for version in history.before(5)] == ["v3", "v4"]
    assert len(history.versions) == MAX_VERSIONS


# ── visibility ──────────────────────────────────────────────────────────────────────────────

BOB = (PostMention("2", "bob"),)


@pytest.mark.parametrize(
    ("visibility", "mentions", "stranger", "nobody"),
    [
        ("public", (), Access.DEPENDS, Access.ALLOWED),
        ("unlisted", (), Access.DEPENDS, Access.ALLOWED),
        ("private", (), Access.DEPENDS, Access.DENIED),
        ("private", BOB, Access.DEPENDS, Access.DENIED),
        ("direct", (), Access.DENIED, Access.DENIED),
        ("direct", BOB, Access.DEPENDS, Access.DENIED),
    ],
)
def test_who_sees_a_post(visibility: str, mentions: Any, stranger: Access, nobody: Access) -> None:
    post = a_post(visibility=visibility, mentions=mentions)
    assert check_access(post, "2") is stranger
    assert check_access(post, "") is nobody
    assert check_access(post, "1") is Access.ALLOWED
    assert {check_access(tombstone(post), viewer) for viewer in ("", "1", "2")} == {Access.DENIED}


@pytest.mark.parametrize("mentioned", [True, False])
@pytest.mark.parametrize("follows", [True, False])
def test_followers_and_mentioned_see_what_is_private_unless_blocked(
    mentioned: bool, follows: bool
) -> None:
    post = a_post(visibility="private", mentions=BOB if mentioned else ())
    assert is_visible_to(post, "2", AuthorRelationship(follows=follows)) is (follows or mentioned)
    assert not is_visible_to(post, "2", AuthorRelationship(follows=follows, blocked=True))


@pytest.mark.parametrize("visibility", ["public", "unlisted"])
def test_everybody_sees_what_is_open_but_those_whom_its_author_blocks(visibility: str) -> None:
    post = a_post(visibility=visibility)
    assert is_visible_to(post, "2", AuthorRelationship())
    assert not is_visible_to(post, "2", AuthorRelationship(blocked=True))


# ── marks ───────────────────────────────────────────────────────────────────────────────────


def test_a_repeated_mark_changes_nothing() -> None:
    on = Reaction().set("5")
    assert on.set("6") is on
    off = on.unset()
    assert off.unset() is off


def test_a_mark_that_is_made_anew_has_a_new_place_and_remembers_the_old() -> None:
    anew = Reaction().set("5").unset().set("6")
    assert (anew.position, anew.removed_ids) == ("6", ("5",))
    assert anew.unset().position == ""
    assert anew.unset().removed_ids == ("5", "6")


@given(st.lists(st.booleans(), max_size=60))
def test_every_place_a_mark_had_is_remembered(turns: list[bool]) -> None:
    reaction, had = Reaction(), set()
    for number, on in enumerate(turns):
        reaction = reaction.set(str(number)) if on else reaction.unset()
        had |= {reaction.position} - {""}
    assert {reaction.position, *reaction.removed_ids} - {""} == had
    assert len(reaction.past) <= MAX_PAST_IDS


def test_events_of_marks_match_the_contract() -> None:
    reaction = {"on": True, "id": "5", "past": []}
    off = {"on": False, "id": "6", "past": ["4"]}
    old = {"user": "1", "post": "2", "favourite": reaction, "bookmark": off}
    boost = {"on": True, "id": "9", "visibility": "public"}
    exported = mark_rules.to_public({**old, "author": "7", "reblog": boost})
    assert MarkContract.model_validate(exported).model_dump() == exported
    assert (exported["author"], exported["reblogged"], exported["reblog_id"]) == ("7", True, "9")
    exported = mark_rules.to_public(old)  # written before there were boosts
    assert (exported["author"], exported["reblogged"], exported["reblog_id"]) == ("", False, "")
    assert (exported["favourite_id"], exported["bookmark_id"]) == ("5", "")
    assert Interaction("1", "2").bookmark.removed_ids == ()


def head(recent: list[str], sealed: str = "", total: int | None = None) -> ListHead:
    spans = [SegmentRef("s", sealed, "1", 60)] if sealed else []
    return ListHead([[id, "u"] for id in recent], spans, len(recent) if total is None else total)


@pytest.mark.parametrize(
    ("list_", "favourite", "total"),
    [
        (None, Reaction(), 0),
        (None, Reaction(on=True, id="5"), 1),
        (head(["7"]), Reaction(on=True, id="9"), 2),
        (head(["7", "9"]), Reaction(on=True, id="9"), 2),
        (head(["7"], "6", 61), Reaction(on=True, id="9"), 62),
        (head(["7"], "6", 61), Reaction(on=True, id="5"), 61),
        (head(["7", "9"]), Reaction(on=False, id="9"), 1),
        (head(["7"]), Reaction(on=False, id="9"), 1),
        (head(["7", "9"]), Reaction(on=True, id="9", past=("3",)), 2),
    ],
)
def test_people_see_their_own_like_counted_before_the_list_knows(
    list_: Any, favourite: Reaction, total: int
) -> None:
    assert count_for_viewer(list_, favourite) == total


@pytest.mark.parametrize(
    "made",
    [
        Interaction("2", "5", "1", favourite=Reaction().set("9")),
        Interaction("2", "5", "1", bookmark=Reaction().set("9")),
        Interaction("2", "5", "1", favourite=Reaction().set("8"), bookmark=Reaction().set("9")),
    ],
)
def test_the_first_event_of_an_interaction_says_all_of_it(made: Interaction) -> None:
    exported = mark_rules.to_public(orjson.loads(orjson.dumps(made)))
    assert mark_rules.from_first_event(exported) == made


def test_the_first_event_of_a_boost_does_not_say_all_of_it() -> None:
    boosted = Interaction("2", "5", "1", reblog=BoostState(on=True, id="9"))
    exported = mark_rules.to_public(orjson.loads(orjson.dumps(boosted)))
    assert mark_rules.from_first_event(exported) is None

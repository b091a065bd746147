"""A model of the expected state: the rules of the system, and nothing else.

Plain values, no clock, no network: what `test_model.py` holds the running system against. People
and posts are numbers; a post's number is its place in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

Pair = tuple[int, int]
Cause = tuple[str, int, int | None]

VISIBILITIES = ("public", "unlisted", "private", "direct")


@dataclass(frozen=True)
class ModelPost:
    """A post; `edits` counts its edits, `above` is the answered post."""

    number: int
    author: int
    visibility: str
    mentions: frozenset[int] = frozenset()
    above: int | None = None
    edits: int = 0
    deleted: bool = False


@dataclass
class SocialModel:
    """Some users, and all their actions on one another and on posts."""

    people: int
    locked: set[int] = field(default_factory=set)
    follows: set[Pair] = field(default_factory=set)
    requests: set[Pair] = field(default_factory=set)
    blocks: set[Pair] = field(default_factory=set)
    mutes: set[Pair] = field(default_factory=set)
    estranged: set[Pair] = field(default_factory=set)
    """Pairs with a block or mute at any time."""
    posts: dict[int, ModelPost] = field(default_factory=dict)
    favourites: set[Pair] = field(default_factory=set)
    bookmarks: set[Pair] = field(default_factory=set)
    boosts: set[Pair] = field(default_factory=set)

    # ── what people do; false where it is refused, and changes nothing ──────────────────────

    def follow(self, who: int, whom: int) -> bool:
        if self.apart(who, whom):
            return False
        if (who, whom) not in self.follows:
            (self.requests if whom in self.locked else self.follows).add((who, whom))
        return True

    def unfollow(self, who: int, whom: int) -> bool:
        self.follows.discard((who, whom))
        self.requests.discard((who, whom))
        return True

    def answer(self, who: int, whom: int, *, accepted: bool) -> bool:
        """`who` lets `whom` follow, who asked to, or does not."""
        if (whom, who) not in self.requests:
            return False
        self.requests.discard((whom, who))
        if accepted:
            self.follows.add((whom, who))
        return True

    def block(self, who: int, whom: int) -> bool:
        self.blocks.add((who, whom))
        for pair in ((who, whom), (whom, who)):
            self.unfollow(*pair)
            self.estranged.add(pair)
        return True

    def unblock(self, who: int, whom: int) -> bool:
        self.blocks.discard((who, whom))
        return True

    def mute(self, who: int, whom: int) -> bool:
        self.mutes.add((who, whom))
        self.estranged |= {(who, whom), (whom, who)}
        return True

    def unmute(self, who: int, whom: int) -> bool:
        self.mutes.discard((who, whom))
        return True

    def lock(self, who: int, *, locked: bool) -> bool:
        """Whoever opens their account lets in all who asked."""
        if locked:
            self.locked.add(who)
        else:
            self.locked.discard(who)
            asking = {pair for pair in self.requests if pair[1] == who}
            self.requests -= asking
            self.follows |= asking
        return True

    def post(self, who: int, visibility: str, mentioned: int | None, above: int | None) -> bool:
        """Who answers somebody names them."""
        if above is not None and not self.sees(who, above):
            return False
        named = {mentioned} if mentioned is not None else set()
        if above is not None:
            named |= {self.posts[above].author}
        number = len(self.posts)
        named.discard(who)
        self.posts[number] = ModelPost(number, who, visibility, frozenset(named), above)
        return True

    def edit(self, who: int, post: int) -> bool:
        if not self.sees(who, post) or self.posts[post].author != who:
            return False
        self.posts[post] = replace(self.posts[post], edits=self.posts[post].edits + 1)
        return True

    def delete(self, who: int, post: int) -> bool:
        """What is below a comment stays, unless another deletes it below their own post.

        So does what answers a direct post. Who may delete a post may repeat it, without effect.
        """
        it = self.posts[post]
        if who not in (it.author, self.owner(post)):
            return False
        if it.deleted:
            return True
        if not self.sees(who, post):
            return False
        below = [p.number for p in self._below(post)]
        self.posts[post] = replace(it, deleted=True)
        if (it.above is None and it.visibility != "direct") or who != it.author:
            for number in below:
                self._end(number)
        return True

    def _end(self, post: int) -> None:
        below = [p.number for p in self._below(post)]
        self.posts[post] = replace(self.posts[post], deleted=True)
        for number in below:
            self._end(number)

    def _below(self, post: int) -> list[ModelPost]:
        """What is directly below a post, or below what is deleted in between."""
        return [p for p in self.posts.values() if not p.deleted and self._left_above(p) == post]

    def _left_above(self, post: ModelPost) -> int | None:
        above = post.above
        while above is not None and self.posts[above].deleted:
            above = self.posts[above].above
        return above

    def react(self, kind: str, who: int, post: int, *, on: bool) -> bool:
        """Favourite or bookmark a post, or no more."""
        if not self.sees(who, post) or (on and kind == "favourite" and self._blocks(who, post)):
            return False
        made = self.favourites if kind == "favourite" else self.bookmarks
        (made.add if on else made.discard)((who, post))
        return True

    def boost(self, who: int, post: int, *, on: bool) -> bool:
        """What all may see anybody may pass on, and their own for followers its author."""
        if not self.sees(who, post) or (on and self._blocks(who, post)):
            return False
        it = self.posts[post]
        own = it.visibility == "private" and it.author == who
        if on and not (it.visibility in ("public", "unlisted") or own):
            return False
        (self.boosts.add if on else self.boosts.discard)((who, post))
        return True

    def _blocks(self, who: int, post: int) -> bool:
        """Whether somebody blocks the author of a post, who then gets no reaction of theirs."""
        return (who, self.posts[post].author) in self.blocks

    # ── what should be seen ─────────────────────────────────────────────────────────────────

    def apart(self, one: int, other: int) -> bool:
        """Whether one of two blocks the other."""
        return bool({(one, other), (other, one)} & self.blocks)

    def owner(self, post: int) -> int:
        """Who began the thread that a post is in."""
        above = self.posts[post].above
        return self.posts[post].author if above is None else self.owner(above)

    def sees(self, who: int, post: int) -> bool:
        """Whether somebody may see a post."""
        it = self.posts[post]
        if it.deleted:
            return False
        if who == it.author:
            return True
        if (it.author, who) in self.blocks:
            return False
        if it.visibility in ("public", "unlisted") or who in it.mentions:
            return True
        return it.visibility == "private" and (who, it.author) in self.follows

    def wants(self, who: int, author: int) -> bool:
        """Whether somebody lets another into their timelines."""
        return not self.apart(who, author) and (who, author) not in self.mutes

    def home(self, who: int) -> list[int]:
        """What somebody and those they follow posted, newest first, as far as they see it."""
        return [
            post.number
            for post in self._newest()
            if self.sees(who, post.number)
            and (post.author == who or (who, post.author) in self.follows)
            and self.wants(who, post.author)
        ]

    def public(self, who: int) -> list[int]:
        """Newest first, without answers."""
        return [
            post.number
            for post in self._newest()
            if post.visibility == "public" and post.above is None
            if self.sees(who, post.number) and self.wants(who, post.author)
        ]

    def account(self, who: int, author: int) -> list[int]:
        """Somebody's posts, newest first, as another sees them."""
        mine = [post.number for post in self._newest() if post.author == author]
        return [number for number in mine if self.sees(who, number)]

    def total(self, who: int) -> int:
        """How much somebody posted and passed on, as anybody may know it."""
        posted = [
            p
            for p in self.posts.values()
            if p.author == who and not p.deleted and p.visibility != "direct"
        ]
        boosts = [p for by, p in self.boosts if by == who and not self.posts[p].deleted]
        return len(posted) + len(boosts)

    def boosted(self, who: int, author: int) -> set[int]:
        """What somebody passed on, as another sees it who never fell out with the authors."""
        return {
            post
            for by, post in self.boosts
            if by == author
            and self.sees(who, post)
            and all(who == p or self.are_even(who, p) for p in (by, self.posts[post].author))
        }

    def marked(self, made: set[Pair], who: int) -> set[int]:
        """What somebody likes or keeps, as far as they still see it."""
        return {post for by, post in made if by == who and self.sees(who, post)}

    def likes(self, post: int) -> int:
        return sum(liked == post for _, liked in self.favourites)

    def passed_on(self, post: int) -> int:
        """How many boosted a post."""
        return sum(boosted == post for _, boosted in self.boosts)

    def answers(self, post: int) -> int:
        """How many answer a post directly, of what everybody may know."""
        return sum(p.visibility in ("public", "unlisted") for p in self._below(post))

    def notifications_of(self, who: int) -> set[Cause]:
        """(type, by whom, post) of what somebody is notified of, but by those they ever blocked."""
        causes: set[Cause] = {("follow", by, None) for by, whom in self.follows if whom == who}
        causes |= {("follow_request", by, None) for by, whom in self.requests if whom == who}
        causes |= {
            (type, by, post)
            for type, made in (("favourite", self.favourites), ("reblog", self.boosts))
            for by, post in made
            if self.posts[post].author == who and not self.posts[post].deleted
        }
        for post in self.posts.values():
            open_to_all = post.visibility in ("public", "unlisted")
            concerns = post.mentions | (set(self._above(post)) if open_to_all else set())
            if self.sees(who, post.number) and who in concerns:
                causes.add(("mention", post.author, post.number))
        return {cause for cause in causes if self.are_even(who, cause[1])}

    def are_even(self, one: int, other: int) -> bool:
        """Whether two are different people who never fell out."""
        return one != other and (one, other) not in self.estranged

    def _above(self, post: ModelPost) -> Iterator[int]:
        """The authors of all that a post answers."""
        while post.above is not None:
            post = self.posts[post.above]
            yield post.author

    def _newest(self) -> list[ModelPost]:
        return [self.posts[number] for number in sorted(self.posts, reverse=True)]

"""The visibility matrix: users, posts, and the rules of who sees what, on every route.

One author with a locked account posts once for each visibility, naming two people; each post that
can be boosted is boosted, and has a comment below it. `WHO_SEES` is the whole rule; what each list
and stream holds is said of it in a line. Every answer is also searched for words and addresses of
pictures of posts that whoever asked does not see.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.e2e import pictures
from tests.e2e.page_assertions import await_presence
from tests.mastodon import routes
from tests.system import ClientApplication, LoggedInUser, System, wait_until
from tests.system.streams import (
    EventStreamClient,
    WebSocketClient,
    event_stream_client,
    websocket_client,
)
from tests.system.users import SCOPES

ACTORS = (
    "anonymous",
    "stranger",
    "follower",
    "mentioned",
    "author",
    "blocked",
    "blocker",
    "requested",
    "booster",
    "suspended",
    "scopeless",
)
REFUSED = {"suspended": 401, "scopeless": 403}
"""Actors who must not see anything. Both follow the author."""

EVERYBODY = frozenset(ACTORS) - REFUSED.keys()
_UNBLOCKED = EVERYBODY - {"blocked"}

WHO_SEES = {
    ("post", "public"): _UNBLOCKED,
    ("post", "unlisted"): _UNBLOCKED,
    ("post", "private"): {"author", "follower", "mentioned"},
    ("post", "direct"): {"author", "mentioned"},
    ("boost", "public"): _UNBLOCKED,
    ("boost", "unlisted"): _UNBLOCKED,
    ("boost", "private"): {"author", "follower"},
    ("comment", "public"): EVERYBODY,
    ("comment", "unlisted"): EVERYBODY,
    ("comment", "private"): {"author", "follower", "mentioned"},
    ("comment", "direct"): {"author", "mentioned"},
}
"""The rule. Comments are by who is mentioned, whom the follower follows too, and name the author.
A boost names nobody."""

ABOUT_POSTS = {
    "DeletedStatus",
    "MediaAttachment",
    "NotificationGroup",
    "Status",
    "StatusEdit",
    "StatusSource",
}
WITHOUT_POSTS = {"GET /health", "GET /api/v1/streaming/health"}
NOT_FOR_PEOPLE = {
    "GET /.well-known/oauth-authorization-server",
    "GET /.well-known/host-meta",
    "GET /.well-known/host-meta.json",
    "GET /.well-known/webfinger",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /deadletters",
    "POST /deadletters/replay",
    "POST /webhooks/payments",
    "GET /dapr/subscribe",
    "POST /events-broadcast/accounts",
    "POST /events-broadcast/feed-invalidations",
    "POST /events-broadcast/notifications",
    "POST /events-broadcast/notifications-invalidations",
    "POST /events-broadcast/posts",
}


SHOP = " /api/shop/"
"""Its pictures are claimed by products, so no post shows them."""


def is_about_posts(row: str) -> bool:
    """Return whether a route can reveal posts, by its response model or its path."""
    if row in WITHOUT_POSTS | NOT_FOR_PEOPLE or SHOP in row:
        return False
    promised = routes.ROUTES[row]
    return (
        promised in (routes.NO_JSON, routes.OURS)
        or "/statuses/{id}" in row
        or bool(routes.entities_of(row) & ABOUT_POSTS)
    )


@dataclass(eq=False)
class MatrixPost:
    """A post of the matrix. `word` is in its text and nowhere else."""

    kind: str
    visibility: str
    author: str
    id: str = ""
    word: str = ""
    pictures: list[str] = field(default_factory=list)
    of: MatrixPost | None = None
    """The post that a boost shows or a comment answers."""

    @property
    def name(self) -> str:
        return f"{self.visibility} {self.kind}"

    @property
    def shown(self) -> MatrixPost:
        """The post itself, or the boosted one."""
        return self.of if self.kind == "boost" and self.of else self

    def seen_by(self, actor: str) -> bool:
        return actor in WHO_SEES[self.kind, self.visibility]


class VisibilityMatrix:
    """All users and posts, and requests as any user."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.tag = system.unique_name("matrix").replace("_", "")
        self.people: dict[str, LoggedInUser] = {}
        self.posts: list[MatrixPost] = []
        self.frames: dict[str, list[dict[str, Any]]] = {}
        self.events: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self.leaks: list[str] = []
        self._sessions: dict[str, requests.Session] = {}
        self._lock = threading.Lock()

    # ── asking ──────────────────────────────────────────────────────────────────────────────

    def ask(self, actor: str, method: str, path: str, **given: Any) -> requests.Response:
        """Send a request, and search the response for posts that the actor must not see."""
        answer = self._sessions[actor].request(
            method, f"{self.system.base}{path}", allow_redirects=False, timeout=60, **given
        )
        self.look(actor, f"{method} {path}", answer.text)
        return answer

    def look(self, actor: str, where: str, text: str) -> None:
        """Record posts in a response that the actor must not see."""
        for post in self.posts:
            leaked = [word for word in (post.word, *post.pictures) if word and word in text]
            if leaked and not post.shown.seen_by(actor):
                with self._lock:
                    self.leaks.append(f"{where} shows {actor} the {post.name}")

    def each(self, do: Any, actors: Iterable[str] = ACTORS) -> list[str]:
        """Run a check as every actor concurrently; return all faults."""
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(lambda actor: list(do(actor)), actors))
        leaks, self.leaks = self.leaks, []
        return sorted(set(leaks)) + [fault for faults in found for fault in faults]

    def post(self, kind: str, visibility: str) -> MatrixPost:
        """Return a post by name."""
        return next(p for p in self.posts if (p.kind, p.visibility) == (kind, visibility))

    def named(self, ids: Iterable[str]) -> set[str]:
        """Return the names of matrix posts among some ids."""
        found = set(ids)
        return {post.name for post in self.posts if post.id in found}

    # ── making it ───────────────────────────────────────────────────────────────────────────

    def build(self) -> None:
        """Create users, relationships and posts, with all streams open."""
        self._settle_in()
        with self._listening() as (lines, taps):
            self._report()
            self._hear(lines, taps)

    def _settle_in(self) -> None:
        system = self.system
        roles = [role for role in ACTORS if role not in ("anonymous", "scopeless")]
        with ThreadPoolExecutor(4) as pool:
            self.people = dict(
                zip(roles, pool.map(lambda role: system.register(f"mx{role}"), roles), strict=True)
            )
            judge = pool.submit(system.register, "mxjudge").result()
        author = self.people["author"]
        for role in ("follower", "blocked", "blocker", "suspended"):
            self.people[role].client.account_follow(author.id, notify=True)
        self.people["follower"].client.account_follow(self.people["mentioned"].id)
        for role in ("stranger", "blocked", "blocker", "requested"):
            self.people[role].client.account_follow(self.people["booster"].id)
        self.people["stranger"].client.tag_follow(self.tag)
        bygone = MatrixPost("post", "public", "author", word=f"bygone{self.tag}")
        bygone.id = str(author.client.status_post(f"{bygone.word} #{self.tag}").id)
        self.posts.append(bygone)
        self.people["blocked"].client.status_favourite(bygone.id)
        self.people["blocked"].client.status_bookmark(bygone.id)
        narrow = ClientApplication.register(system.base, "narrow", ["read:accounts"])
        for role in ACTORS:
            self._sessions[role] = requests.Session()
            if role in self.people:
                self._sessions[role].headers["Authorization"] = f"Bearer {self.people[role].token}"
        token = self.people["follower"].token_for(narrow)
        self._sessions["scopeless"].headers["Authorization"] = f"Bearer {token}"
        author.client.account_update_credentials(locked=True)
        self.people["requested"].client.account_follow(author.id)
        author.client.account_block(self.people["blocked"].id)
        self.people["blocker"].client.account_block(author.id)
        self._suspend(judge, self.people["suspended"])
        wait_until(lambda: not self._tagged("blocked"))
        wait_until(lambda: not self._tagged("blocker"))
        wait_until(lambda: self._tagged("stranger"))
        self._await_follows()
        self.posts.clear()
        author.client.status_delete(bygone.id)

    def _await_follows(self) -> None:
        """Wait until what is posted comes to all followers who are let in: streams keep nothing."""
        near = {
            "author": ("follower",),
            "mentioned": ("follower",),
            "booster": ("stranger", "blocked", "blocker", "requested"),
        }
        for followed, followers in near.items():
            client = self.people[followed].client
            post = client.status_post("is anybody there?")
            for role in followers:
                await_presence(self.people[role].client.timeline_home, str(post.id), role)
            client.status_delete(post.id)

    def _tagged(self, role: str) -> list[Any]:
        found: list[Any] = self.people[role].client.timeline_hashtag(self.tag)
        return found

    def _suspend(self, judge: LoggedInUser, person: LoggedInUser) -> None:
        self.system.command("admin", judge.name)
        scopes = [*SCOPES, "admin:read", "admin:write"]
        app = ClientApplication.register(self.system.base, "moderation", scopes)
        client = app.client(judge.token_for(app))
        wait_until(lambda: client.me().role.name == "Admin")
        client.admin_account_moderate(person.id, action="suspend")
        me = "/api/v1/accounts/verify_credentials"
        wait_until(lambda: person.call("GET", me).status_code == 401)

    def _report(self) -> None:
        author, mentioned = self.people["author"], self.people["mentioned"]
        named = f"@{mentioned.name} @{self.people['blocked'].name}"
        for visibility in ("public", "unlisted", "private", "direct"):
            picture = author.client.media_post(pictures.jpeg(size=(64, 48)), "image/jpeg")
            post = MatrixPost("post", visibility, "author", word=f"word{visibility}{self.tag}")
            made = author.client.status_post(
                f"{post.word} {named} #{self.tag}", visibility=visibility, media_ids=[picture]
            )
            post.id = str(made.id)
            post.pictures = [Path(url).name for url in (picture.url, picture.preview_url)]
            comment = MatrixPost(
                "comment", visibility, "mentioned", word=f"said{visibility}{self.tag}"
            )
            comment.of = post
            reply = mentioned.client.status_post(
                f"@{author.name} {comment.word} #{self.tag}",
                visibility=visibility,
                in_reply_to_id=made.id,
            )
            comment.id = str(reply.id)
            self.posts += [post, comment]
            if visibility != "direct":
                booster = "author" if visibility == "private" else "booster"
                boost = MatrixPost("boost", visibility, booster, of=post)
                boost.id = str(self.people[booster].client.status_reblog(made.id).id)
                self.posts.append(boost)

    # ── streams ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _listening(
        self,
    ) -> Iterator[tuple[dict[str, WebSocketClient], dict[tuple[str, str], EventStreamClient]]]:
        """Everybody who may, on every stream there is: on one socket, and each by its address."""
        base = self.system.base
        with ExitStack() as stack:
            lines, taps = {}, {}
            for role in STREAMING:
                token = self.people[role].token
                lines[role] = stack.enter_context(websocket_client(base, token))
                for stream in STREAMS:
                    lines[role].send(type="subscribe", stream=stream, tag=self.tag)
                    tap = event_stream_client(base, token, address_of(stream, self.tag))
                    taps[role, stream] = stack.enter_context(tap)
                lines[role].settle()
            yield lines, taps

    def _hear(
        self, lines: dict[str, WebSocketClient], taps: dict[tuple[str, str], EventStreamClient]
    ) -> None:
        """Read until all that is due to anybody has come, and then what else has."""

        def due(role: str, stream: str) -> set[str]:
            return {post.id for post in self.posts if role in STREAMS[stream](post)}

        def listen(role: str) -> None:
            missing = {(stream, id) for stream in STREAMS for id in due(role, stream)}
            missing |= {
                ("direct", post.id) for post in self.posts if role in in_conversations(post)
            }
            while missing:
                try:
                    frame = lines[role].next(30)
                except TimeoutError as error:
                    names = {post.id: post.name for post in self.posts}
                    lost = sorted(f"{names[id]} on {stream}" for stream, id in missing)
                    raise AssertionError(f"{role} did not receive: {', '.join(lost)}") from error
                if frame.get("event") == "update":
                    missing.discard((frame["stream"][0], json.loads(frame["payload"])["id"]))
                if frame.get("event") == "conversation":
                    last = json.loads(frame["payload"])["last_status"]
                    missing.discard(("direct", last["id"]))

        def hear_the_rest(role: str) -> None:
            lines[role].settle()
            self.frames[role] = lines[role].frames
            for stream in STREAMS:
                self.events[role, stream] = taps[role, stream].collect(due(role, stream))

        with ThreadPoolExecutor(len(lines)) as pool:
            list(pool.map(listen, lines))
            list(pool.map(hear_the_rest, lines))


# ── what lists and streams hold ─────────────────────────────────────────────────────────────────


def address_of(stream: str, tag: str) -> str:
    """Where a stream is as server-sent events."""
    path = stream.removesuffix(":media").replace(":", "/")
    media = "&only_media=true" if stream.endswith(":media") else ""
    return f"/api/v1/streaming/{path}?tag={tag}{media}"


STREAMING = tuple(role for role in ACTORS if role not in {"anonymous", *REFUSED})

NOBODY: frozenset[str] = frozenset()


def followed(post: MatrixPost) -> frozenset[str]:
    """To whose home a post comes from people: their own, and of those they follow."""
    near = {
        "author": {"author", "follower"},
        "mentioned": {"mentioned", "follower"},
        "booster": {"booster", "stranger", "requested"},
    }[post.author]
    return frozenset(near & WHO_SEES[post.kind, post.visibility])


def streamed_at_home(post: MatrixPost) -> frozenset[str]:
    """To whose home a post comes, from people or by its hashtag."""
    return followed(post) | (under_its_tag(post) & {"stranger"})


def at_home(post: MatrixPost) -> frozenset[str]:
    """In whose home a post is when that is read: a boost is left out above what it shows."""
    hidden = at_home(post.shown) if post.kind == "boost" else NOBODY
    return streamed_at_home(post) - hidden


def wanted(post: MatrixPost) -> frozenset[str]:
    """Who sees a post and does not block whoever made it."""
    hiding = {"blocker"} if post.shown.author == "author" else set()
    return frozenset(WHO_SEES[post.kind, post.visibility] - hiding)


def by_its_words(post: MatrixPost) -> frozenset[str]:
    """Who finds a post by what is said in it."""
    return frozenset({post.author}) if post.kind != "boost" else NOBODY


def in_public(post: MatrixPost) -> frozenset[str]:
    """In whose public timeline a post is."""
    return wanted(post) if post.name == "public post" else NOBODY


def under_its_tag(post: MatrixPost) -> frozenset[str]:
    """Who finds a post by its hashtag."""
    return wanted(post) if post.name in ("public post", "public comment") else NOBODY


def by_name(post: MatrixPost) -> frozenset[str]:
    """Who gets a post that they name."""
    return frozenset(WHO_SEES[post.kind, post.visibility])


def on_profile(post: MatrixPost) -> frozenset[str]:
    """Who finds a post among all those of whoever made it, whom they may block."""
    return wanted(post) if post.author == "booster" else by_name(post)


def nowhere(_: MatrixPost) -> frozenset[str]:
    """Nothing is there for anybody."""
    return NOBODY


STREAMS = {
    "user": streamed_at_home,
    "user:notification": nowhere,
    "public": in_public,
    "public:local": in_public,
    "public:media": in_public,
    "public:local:media": in_public,
    "public:remote": nowhere,
    "public:remote:media": nowhere,
    "hashtag": under_its_tag,
    "hashtag:local": under_its_tag,
    "direct": nowhere,  # its events are conversations: see `in_conversations`
}
"""Whom the stream of a name tells of a post."""


def in_conversations(post: MatrixPost) -> frozenset[str]:
    """In whose conversations a post is: all who are named in a direct one, but the blocked."""
    return frozenset({"author", "mentioned"}) if post.visibility == "direct" else NOBODY


def notified(post: MatrixPost) -> frozenset[str]:
    """Who is notified of a post: the mentioned, and who enabled notifications of its author."""
    named = {"post": {"mentioned", "follower"}, "comment": {"author"}, "boost": set()}[post.kind]
    actors = named & wanted(post)
    if post.name in ("public post", "unlisted post"):  # the booster boosted them
        actors |= {"author"}
    return frozenset(actors)

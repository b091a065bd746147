"""The channels of streams. A channel is `(stream, argument)`: `("user", ID)`, `("hashtag", TAG)`.

All posts are local, so `public` and `public:local` carry the same events, and `public:remote` none.
"""

from __future__ import annotations

from services.chassis.errors import Invalid, NotFound
from services.contracts.posts import Post
from services.shared.hashtags import normal_tag

Channel = tuple[str, str]

USER, NOTIFICATIONS, DIRECT = "user", "user:notification", "direct"
_PERSONAL = frozenset({USER, NOTIFICATIONS, DIRECT})
_PUBLIC = ("public", "public:local")
_REMOTE = ("public:remote", "public:remote:media")
_MEDIA = tuple(f"{stream}:media" for stream in _PUBLIC)
_SHARED = frozenset({*_PUBLIC, *_MEDIA, *_REMOTE})
_TAGGED = ("hashtag", "hashtag:local")


def channel_of(stream: str, tag: str, user: str) -> Channel:
    """The channel of a client's stream name. Raises `NotFound` or `Invalid` for an unknown one."""
    if stream in _PERSONAL:
        return stream, user
    if stream in _SHARED:
        return stream, ""
    if stream not in _TAGGED:
        raise NotFound("Unknown stream type")
    name = normal_tag(tag.removeprefix("#"))
    if not name:
        raise Invalid("Missing tag name parameter")
    return stream, name


def frame_names(stream: str, tag: str) -> tuple[str, ...]:
    """The names in a frame's `stream`: the stream, and the tag as the client wrote it."""
    return (stream, tag) if stream in _TAGGED else (stream,)


def scope_of(stream: str) -> str:
    """The scope that a token must cover."""
    return "read:notifications" if stream == NOTIFICATIONS else "read:statuses"


def shared_channels(post: Post) -> list[Channel]:
    """The shared channels of a post, like the timelines of these names."""
    if post.visibility != "public" or post.reblog_of_id:
        return []
    streams = [] if post.in_reply_to_id else [*_PUBLIC]
    if streams and post.attachments:
        streams += _MEDIA
    tags = [(stream, tag) for tag in post.tags for stream in _TAGGED]
    return [*((stream, "") for stream in streams), *tags]


def is_shared(channel_of: Channel) -> bool:
    """Whether a channel is not a user's own."""
    return channel_of[0] not in _PERSONAL

"""Every listed scope allows what Mastodon documents, and nothing else.

<https://docs.joinmastodon.org/api/oauth-scopes/>, and what each method's page says under OAuth.
"""

from __future__ import annotations

from typing import Any

from services.contracts.scopes import SCOPES
from tests.services.gateway.deployment import GatewayDeployment, deploy, multipart

Use = tuple[str, str, dict[str, Any]]

_ME = "/api/v1/accounts/{me}"
_THEM = "/api/v1/accounts/{them}"
_POST = "/api/v1/statuses/{post}"
_REPORTS = "/api/v1/admin/reports"


def _uses(*asked: str, **content: Any) -> list[Use]:
    return [(method, path, content) for method, _, path in (one.partition(" ") for one in asked)]


def _posts(verbs: str, at: str) -> list[Use]:
    return _uses(*(f"POST {at}/{verb}" for verb in verbs.split()))


USES: dict[str, list[Use]] = {
    "profile": _uses("GET /api/v1/accounts/verify_credentials"),
    "read:accounts": _uses(
        "GET /api/v1/accounts/verify_credentials",
        "GET /api/v1/preferences",
        f"GET {_THEM}",
        f"GET {_THEM}/followers",
        f"GET {_THEM}/following",
        "GET /api/v1/accounts?id[]={them}",
        "GET /api/v1/accounts/search?q=them",
        "GET /api/v1/accounts/lookup?acct=them",
        "GET /api/v1/endorsements",
        "GET /api/v1/featured_tags",
        "GET /api/v2/suggestions",
    ),
    "read:blocks": _uses("GET /api/v1/blocks", "GET /api/v1/domain_blocks"),
    "read:bookmarks": _uses("GET /api/v1/bookmarks"),
    "read:favourites": _uses("GET /api/v1/favourites"),
    "read:filters": _uses("GET /api/v1/filters", "GET /api/v2/filters"),
    "read:follows": _uses(
        "GET /api/v1/accounts/relationships?id[]={them}",
        "GET /api/v1/accounts/familiar_followers?id[]={them}",
        "GET /api/v1/follow_requests",
        "GET /api/v1/followed_tags",
    ),
    "read:lists": _uses("GET /api/v1/lists", f"GET {_THEM}/lists", "GET /api/v1/timelines/list/1"),
    "read:mutes": _uses("GET /api/v1/mutes"),
    "read:notifications": _uses(
        "GET /api/v1/notifications",
        "GET /api/v1/notifications/1",
        "GET /api/v1/notifications/unread_count",
        "GET /api/v1/notifications/policy",
        "GET /api/v1/notifications/requests",
        "GET /api/v2/notifications",
        "GET /api/v2/notifications/policy",
    ),
    "read:search": _uses("GET /api/v2/search?q=them"),
    "read:shop": _uses("GET /api/shop/v1/shops", "GET /api/shop/v1/products/1/stock"),
    "read:statuses": _uses(
        "GET /api/v1/timelines/home",
        "GET /api/v1/timelines/public",
        "GET /api/v1/timelines/tag/sea",
        f"GET {_POST}",
        f"GET {_POST}/context",
        f"GET {_POST}/source",
        f"GET {_POST}/history",
        f"GET {_POST}/favourited_by",
        f"GET {_POST}/reblogged_by",
        f"GET {_ME}/statuses",
        "GET /api/v1/statuses?id[]={post}",
        "GET /api/v1/conversations",
        "GET /api/v1/scheduled_statuses",
        "GET /api/v1/markers",
        "GET /api/v1/trends/statuses",
    ),
    "write:accounts": [
        *_uses("PATCH /api/v1/accounts/update_credentials", json={"note": "a"}),
        *_uses("DELETE /api/v1/profile/avatar", "DELETE /api/v1/suggestions/{them}"),
        *_posts("pin unpin", _POST),
        *_posts("note pin unpin", _THEM),
    ],
    "write:blocks": [*_posts("block unblock", _THEM), *_uses("POST /api/v1/domain_blocks")],
    "write:bookmarks": _posts("bookmark unbookmark", _POST),
    "write:conversations": [
        *_posts("read unread", "/api/v1/conversations/1"),
        *_uses("DELETE /api/v1/conversations/1"),
    ],
    "write:favourites": _posts("favourite unfavourite", _POST),
    "write:follows": [
        *_posts("follow unfollow remove_from_followers", _THEM),
        *_posts("authorize reject", "/api/v1/follow_requests/{them}"),
        *_posts("follow unfollow", "/api/v1/tags/sea"),
    ],
    "write:media": [
        *_uses(
            "POST /api/v2/media", "POST /api/v1/media", **multipart({}, {"file": b"\xff\xd8\xff"})
        ),
        *_uses("GET /api/v1/media/1", "PUT /api/v1/media/1"),
    ],
    "write:mutes": _posts("mute unmute", _THEM),
    "write:notifications": [
        *_posts("clear 1/dismiss", "/api/v1/notifications"),
        *_uses("PUT /api/v1/notifications/policy", "PATCH /api/v2/notifications/policy"),
    ],
    "write:reports": _uses("POST /api/v1/reports", json={"account_id": "{them}"}),
    "write:shop": _uses("POST /api/shop/v1/shops", json={"name": "A shop", "currency": "EUR"}),
    "write:statuses": [
        *_uses("POST /api/v1/statuses", json={"status": "Low tide."}),
        *_uses(f"PUT {_POST}", json={"status": "High tide."}),
        *_uses("DELETE /api/v1/statuses/1", "POST /api/v1/markers"),
        *_posts("reblog unreblog", _POST),
    ],
    "admin:read:accounts": _uses("GET /api/v1/admin/accounts/{them}"),
    "admin:read:reports": _uses(f"GET {_REPORTS}", f"GET {_REPORTS}/1"),
    "admin:write:accounts": _posts("unsuspend", "/api/v1/admin/accounts/{them}"),
    "admin:write:reports": _posts("resolve reopen assign_to_self unassign", f"{_REPORTS}/1"),
}
"""The routes of each scope. The objects need not exist: then the response is 404."""

COARSE = {
    **{
        outer: [scope for scope in USES if scope.startswith(f"{outer}:")]
        for outer in ("read", "write", "admin:read", "admin:write")
    },
    "follow": [
        f"{verb}:{noun}" for verb in ("read", "write") for noun in ("blocks", "follows", "mutes")
    ],
}


def uses_of(scope: str) -> list[Use]:
    """The routes that a token with one scope may use."""
    return [use for fine in COARSE.get(scope, [scope]) for use in USES[fine]]


EVERYTHING = {
    f"{method} {path}": (method, path, more) for s in USES for method, path, more in USES[s]
}
ALSO = {"DELETE /api/v1/statuses/1": "admin:write:reports"}
"""The scopes that an admin scope includes."""


AT_HOME = {"host": "127.0.0.1:8080"}


async def test_every_listed_scope_is_used(deployment: GatewayDeployment) -> None:
    answer = await deployment.ask("GET", "/.well-known/oauth-authorization-server", headers=AT_HOME)
    listed = answer.json()["scopes_supported"]
    assert sorted(listed) == sorted({*USES, *COARSE, "offline_access"})  # it opens no route
    assert listed == [*SCOPES, "offline_access"]


async def test_each_scope_allows_exactly_its_routes() -> None:
    async with deploy(microgram_limit_user=100_000, microgram_limit_media=10_000) as deployment:
        await _try_each_on_each(deployment)


async def _try_each_on_each(deployment: GatewayDeployment) -> None:
    judge, them = await deployment.admin("judge"), await deployment.register("them")
    post = (await judge.post("statuses", {"status": "Low tide."}))["id"]
    await deployment.cluster.settle()
    names = {"{me}": judge.id, "{them}": them.id, "{post}": post}
    for scope in SCOPES:
        token = await deployment.log_in("judge", scope)
        own = {f"{method} {path}" for method, path, _ in uses_of(scope)}
        covered = {*COARSE.get(scope, []), scope}
        own |= {use for use, also in ALSO.items() if also in covered}
        for use, (method, path, content) in EVERYTHING.items():
            answered = await deployment.ask(
                method, filled(path, names), token, **filled(content, names)
            )
            context = f"{scope}: {use}: {answered.status} {answered.text[:200]}"
            assert answered.status < 500, context
            assert (answered.status in (401, 403)) == (use not in own), context


def filled(what: Any, names: dict[str, str]) -> Any:
    """A path with ids in place of names."""
    if isinstance(what, dict):
        return {key: filled(value, names) for key, value in what.items()}
    for name, id in names.items():
        what = what.replace(name, id) if isinstance(what, str) else what
    return what

"""What every route of the gateway answers with: one row for each, and no route without a row.

`check("GET", "/api/v1/timelines/home", body)` raises AssertionError unless the answer is what
the row says. A new route needs a row here (tests/unit/gateway/test_routes_table.py compares the
table with the gateway's OpenAPI), and its entity a schema in `schemas.py`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from tests.mastodon.schemas import (
    Check,
    check_value,
    count,
    digits,
    entities_in,
    flag,
    id,
    many,
    map_of,
    none,
    number,
    opt,
    shape,
    text,
)

NOTHING = none
"""An empty list: nothing stands behind this route."""

EMPTY = shape()
"""An empty object."""

NEVER = "never"
"""A route that only ever refuses."""

NO_JSON = "no JSON"
"""Texts, pictures, streams: not for a schema."""

OURS = "ours"
"""Routes that are for operators and sidecars, not of the client API."""


def own_data(value: Any, path: str) -> None:
    """What a service that `new` wrote answers: an object of its own, with no post in it."""
    assert type(value) is dict, f"{path} must be an object, and is {value!r}"


def changed(path: str) -> dict[str, Check | str]:
    """The rows by which something is changed that is never there."""
    return {f"{method} {path}": NEVER for method in ("PUT", "PATCH", "DELETE")}


_DIGEST = shape(enabled=flag, available=flag, interval_hours=number)

ROUTES: dict[str, Check | str] = {
    # apps and tokens
    "POST /oauth/token": "Token",
    "POST /oauth/revoke": EMPTY,
    "POST /api/v1/apps": "CredentialApplication",
    "GET /api/v1/apps/verify_credentials": "Application",
    "GET /.well-known/oauth-authorization-server": OURS,
    "GET /.well-known/host-meta": NO_JSON,
    "GET /.well-known/host-meta.json": OURS,
    "GET /.well-known/webfinger": OURS,
    "POST /graphql": OURS,
    # the shop, which is not of the client API
    "GET /api/shop/v1/shops": shape(items=many("Shop"), next_cursor=opt(id)),
    "POST /api/shop/v1/shops": "Shop",
    "GET /api/shop/v1/shops/{id}": "Shop",
    "PATCH /api/shop/v1/shops/{id}": "Shop",
    "GET /api/shop/v1/products": shape(items=many("Shop::Product"), next_cursor=opt(id)),
    "POST /api/shop/v1/products": "Shop::Product",
    "GET /api/shop/v1/products/{id}": "Shop::Product",
    "PATCH /api/shop/v1/products/{id}": "Shop::Product",
    "DELETE /api/shop/v1/products/{id}": "Shop::Product",
    "GET /api/shop/v1/products/{id}/stock": shape(items=many("Shop::Stock")),
    "PUT /api/shop/v1/products/{id}/variants/{variant}/stock": "Shop::Stock",
    "POST /api/shop/v1/products/{id}/variants/{variant}/stock/adjustments": "Shop::Stock",
    "POST /api/shop/v1/quotes": shape(items=many("Shop::QuoteLine")),
    "GET /api/shop/v1/cart": "Shop::Cart",
    "PUT /api/shop/v1/cart": "Shop::Cart",
    "POST /api/shop/v1/cart/items": "Shop::Cart",
    "PATCH /api/shop/v1/cart/items/{variant}": "Shop::Cart",
    "DELETE /api/shop/v1/cart/items/{variant}": "Shop::Cart",
    "POST /api/shop/v1/checkouts": "Shop::Order",
    "GET /api/shop/v1/orders": shape(items=many("Shop::Order"), next_cursor=opt(id)),
    "GET /api/shop/v1/orders/{id}": "Shop::Order",
    "POST /api/shop/v1/orders/{id}/cancel": "Shop::Order",
    "POST /api/shop/v1/orders/{id}/refund": "Shop::Order",
    # what admins do
    "POST /api/v1/reports": "Report",
    "GET /api/v1/admin/reports": "[Admin::Report]",
    "GET /api/v1/admin/reports/{id}": "Admin::Report",
    "POST /api/v1/admin/reports/{id}/resolve": "Admin::Report",
    "POST /api/v1/admin/reports/{id}/reopen": "Admin::Report",
    "POST /api/v1/admin/reports/{id}/assign_to_self": "Admin::Report",
    "POST /api/v1/admin/reports/{id}/unassign": "Admin::Report",
    "GET /api/v1/admin/accounts/{id}": "Admin::Account",
    "POST /api/v1/admin/accounts/{id}/action": EMPTY,
    "POST /api/v1/admin/accounts/{id}/unsuspend": "Admin::Account",
    # the place
    "GET /api/v1/instance": "InstanceV1",
    "GET /api/v2/instance": "Instance",
    "GET /api/v1/instance/rules": "[Rule]",
    "GET /api/v1/instance/peers": many(text),
    "GET /api/v1/instance/activity": many(
        shape(week=digits, statuses=digits, logins=digits, registrations=digits)
    ),
    "GET /api/v1/instance/languages": many(shape(code=text, name=text)),
    "GET /api/v1/instance/extended_description": "ExtendedDescription",
    "GET /api/v1/instance/privacy_policy": "ExtendedDescription",
    "GET /api/v1/instance/terms_of_service": NEVER,
    "GET /api/v1/instance/terms_of_service/{date}": NEVER,
    "GET /api/v1/peers/search": NOTHING,
    "GET /api/v1/annual_reports": shape(annual_reports=NOTHING, accounts=NOTHING, statuses=NOTHING),
    "GET /api/v1/annual_reports/{year}": NEVER,
    "POST /api/v1/annual_reports/{year}/read": NEVER,
    "GET /api/v1/instance/domain_blocks": NOTHING,
    "GET /api/v1/instance/translation_languages": EMPTY,
    "GET /.well-known/nodeinfo": shape(links=many(shape(rel=text, href=text))),
    "GET /nodeinfo/2.0": "NodeInfo",
    "GET /api/v1/custom_emojis": "[CustomEmoji]",
    "GET /api/v1/announcements": NOTHING,
    "POST /api/v1/announcements/{id}/dismiss": NEVER,
    **changed("/api/v1/announcements/{id}/reactions/{name}"),
    "GET /api/v1/directory": "[Account]",
    # people
    "GET /api/v1/notifications/digest": _DIGEST,
    "PUT /api/v1/notifications/digest": _DIGEST,
    "POST /api/v1/export": "Export",
    "GET /api/v1/export": "Export",
    "GET /api/v1/export/archive": NO_JSON,
    "POST /api/v1/accounts": "Token",
    "GET /api/v1/accounts": "[Account]",
    "GET /api/v1/accounts/verify_credentials": "CredentialAccount",
    "PATCH /api/v1/accounts/update_credentials": "CredentialAccount",
    "DELETE /api/v1/profile/{kind}": "CredentialAccount",
    "POST /api/v1/accounts/delete": EMPTY,
    "GET /api/v1/preferences": "Preferences",
    "GET /api/v1/emails/check_confirmation": flag,
    "GET /api/v1/accounts/lookup": "Account",
    "GET /api/v1/accounts/search": "[Account]",
    "GET /api/v1/accounts/relationships": "[Relationship]",
    "GET /api/v1/accounts/familiar_followers": "[FamiliarFollowers]",
    "GET /api/v1/accounts/{id}": "Account",
    "GET /api/v1/accounts/{id}/statuses": "[Status]",
    "GET /api/v1/accounts/{id}/followers": "[Account]",
    "GET /api/v1/accounts/{id}/following": "[Account]",
    "GET /api/v1/accounts/{id}/lists": NOTHING,
    "GET /api/v1/accounts/{id}/identity_proofs": NOTHING,
    "GET /api/v1/accounts/{id}/endorsements": NOTHING,
    "GET /api/v1/accounts/{id}/featured_tags": NOTHING,
    "POST /api/v1/accounts/{id}/follow": "Relationship",
    "POST /api/v1/accounts/{id}/unfollow": "Relationship",
    "POST /api/v1/accounts/{id}/remove_from_followers": "Relationship",
    "POST /api/v1/accounts/{id}/block": "Relationship",
    "POST /api/v1/accounts/{id}/unblock": "Relationship",
    "POST /api/v1/accounts/{id}/mute": "Relationship",
    "POST /api/v1/accounts/{id}/unmute": "Relationship",
    "POST /api/v1/accounts/{id}/note": "Relationship",
    "POST /api/v1/accounts/{id}/pin": NEVER,
    "POST /api/v1/accounts/{id}/unpin": NEVER,
    "POST /api/v1/accounts/{id}/endorse": NEVER,
    "POST /api/v1/accounts/{id}/unendorse": NEVER,
    "GET /api/v1/blocks": "[Account]",
    "GET /api/v1/mutes": "[MutedAccount]",
    "GET /api/v1/endorsements": NOTHING,
    "GET /api/v1/domain_blocks": NOTHING,
    "POST /api/v1/domain_blocks": NEVER,
    "DELETE /api/v1/domain_blocks": EMPTY,
    "GET /api/v1/follow_requests": "[Account]",
    "POST /api/v1/follow_requests/{id}/authorize": "Relationship",
    "POST /api/v1/follow_requests/{id}/reject": "Relationship",
    "GET /api/v1/suggestions": "[Account]",
    "GET /api/v2/suggestions": "[Suggestion]",
    "DELETE /api/v1/suggestions/{id}": EMPTY,
    # pictures
    "POST /api/v1/media": "MediaAttachment",
    "POST /api/v2/media": "MediaAttachment",
    "GET /api/v1/media/{id}": "MediaAttachment",
    "PUT /api/v1/media/{id}": "MediaAttachment",
    "PATCH /api/v1/media/{id}": "MediaAttachment",
    "GET /media/{name}": NO_JSON,
    # posts
    "POST /api/v1/statuses": "Status",
    "GET /api/v1/statuses": "[Status]",
    "GET /api/v1/statuses/{id}": "Status",
    "GET /api/oembed": "OEmbed",
    "PUT /api/v1/statuses/{id}": "Status",
    "PATCH /api/v1/statuses/{id}": "Status",
    "DELETE /api/v1/statuses/{id}": "DeletedStatus",
    "GET /api/v1/statuses/{id}/context": "Context",
    "GET /api/v1/statuses/{id}/source": "StatusSource",
    "GET /api/v1/statuses/{id}/history": "[StatusEdit]",
    "GET /api/v1/statuses/{id}/card": EMPTY,
    "GET /api/v1/statuses/{id}/favourited_by": "[Account]",
    "GET /api/v1/statuses/{id}/reblogged_by": "[Account]",
    "POST /api/v1/statuses/{id}/favourite": "Status",
    "POST /api/v1/statuses/{id}/unfavourite": "Status",
    "POST /api/v1/statuses/{id}/bookmark": "Status",
    "POST /api/v1/statuses/{id}/unbookmark": "Status",
    "POST /api/v1/statuses/{id}/reblog": "Status",
    "POST /api/v1/statuses/{id}/unreblog": "Status",
    "POST /api/v1/statuses/{id}/pin": "Status",
    "POST /api/v1/statuses/{id}/unpin": "Status",
    "POST /api/v1/statuses/{id}/{verb}": NEVER,
    "GET /api/v1/scheduled_statuses": NOTHING,
    "GET /api/v1/scheduled_statuses/{id}": NEVER,
    **changed("/api/v1/scheduled_statuses/{id}"),
    "GET /api/v1/polls/{id}": NEVER,
    "POST /api/v1/polls/{id}/votes": NEVER,
    # timelines
    "GET /api/v1/timelines/home": "[Status]",
    "GET /api/v1/timelines/public": "[Status]",
    "GET /api/v1/timelines/tag/{tag}": "[Status]",
    "GET /api/v1/timelines/list/{id}": NEVER,
    "GET /api/v1/timelines/link": NOTHING,
    "GET /api/v1/favourites": "[Status]",
    "GET /api/v1/bookmarks": "[Status]",
    "GET /api/v1/conversations": "[Conversation]",
    "POST /api/v1/conversations/{id}/read": "Conversation",
    "POST /api/v1/conversations/{id}/unread": "Conversation",
    "DELETE /api/v1/conversations/{id}": EMPTY,
    "GET /api/v1/markers": map_of("Marker", "home", "notifications"),
    "POST /api/v1/markers": map_of("Marker", "home", "notifications"),
    "GET /api/v1/lists": NOTHING,
    "POST /api/v1/lists": NEVER,
    "GET /api/v1/lists/{id}": NEVER,
    **changed("/api/v1/lists/{id}"),
    "GET /api/v1/lists/{id}/accounts": NEVER,
    "POST /api/v1/lists/{id}/accounts": NEVER,
    "DELETE /api/v1/lists/{id}/accounts": NEVER,
    "GET /api/v1/filters": NOTHING,
    "POST /api/v1/filters": NEVER,
    "GET /api/v1/filters/{id}": NEVER,
    **changed("/api/v1/filters/{id}"),
    "GET /api/v2/filters": NOTHING,
    "POST /api/v2/filters": NEVER,
    "GET /api/v2/filters/{id}": NEVER,
    **changed("/api/v2/filters/{id}"),
    "GET /api/v2/filters/{id}/{part}": NEVER,
    "POST /api/v2/filters/{id}/{part}": NEVER,
    **changed("/api/v2/filters/{id}/{part}"),
    # what there is to find
    "GET /api/v2/search": "Search",
    "GET /api/v1/tags/{name}": "Tag",
    "POST /api/v1/tags/{name}/follow": "Tag",
    "POST /api/v1/tags/{name}/unfollow": "Tag",
    "GET /api/v1/followed_tags": "[Tag]",
    "GET /api/v1/featured_tags": NOTHING,
    "POST /api/v1/featured_tags": NEVER,
    "DELETE /api/v1/featured_tags/{id}": NEVER,
    "GET /api/v1/featured_tags/suggestions": "[Tag]",
    "GET /api/v1/trends": "[Tag]",
    "GET /api/v1/trends/tags": "[Tag]",
    "GET /api/v1/trends/statuses": "[Status]",
    "GET /api/v1/trends/links": NOTHING,
    # notifications
    "GET /api/v1/notifications": "[Notification]",
    "GET /api/v1/notifications/{id}": "Notification",
    "GET /api/v1/notifications/unread_count": shape(count=count),
    "POST /api/v1/notifications/clear": EMPTY,
    "POST /api/v1/notifications/dismiss": EMPTY,
    "POST /api/v1/notifications/{id}/dismiss": EMPTY,
    "GET /api/v1/notifications/requests": NOTHING,
    "GET /api/v1/notifications/requests/merged": shape(merged=flag),
    "GET /api/v1/notifications/requests/{id}": NEVER,
    "POST /api/v1/notifications/requests/{id}/accept": NEVER,
    "POST /api/v1/notifications/requests/{id}/dismiss": NEVER,
    "POST /api/v1/notifications/requests/accept": EMPTY,
    "POST /api/v1/notifications/requests/dismiss": EMPTY,
    "GET /api/v1/notifications/policy": "NotificationPolicyV1",
    "PUT /api/v1/notifications/policy": "NotificationPolicyV1",
    "PATCH /api/v1/notifications/policy": "NotificationPolicyV1",
    "GET /api/v2/notifications": "GroupedNotifications",
    "GET /api/v2/notifications/unread_count": shape(count=count),
    "GET /api/v2/notifications/policy": "NotificationPolicy",
    "PATCH /api/v2/notifications/policy": "NotificationPolicy",
    "PUT /api/v2/notifications/policy": "NotificationPolicy",
    "GET /api/v2/notifications/{group_key}": "GroupedNotifications",
    "GET /api/v2/notifications/{group_key}/accounts": "[Account]",
    "POST /api/v2/notifications/{group_key}/dismiss": EMPTY,
    "GET /api/v1/push/subscription": NEVER,
    "POST /api/v1/push/subscription": NEVER,
    "PUT /api/v1/push/subscription": NEVER,
    "PATCH /api/v1/push/subscription": NEVER,
    "DELETE /api/v1/push/subscription": EMPTY,
    # streaming
    "GET /api/v1/streaming/health": NO_JSON,
    "GET /api/v1/streaming/user": NO_JSON,
    "GET /api/v1/streaming/user/notification": NO_JSON,
    "GET /api/v1/streaming/public": NO_JSON,
    "GET /api/v1/streaming/public/local": NO_JSON,
    "GET /api/v1/streaming/public/remote": NO_JSON,
    "GET /api/v1/streaming/hashtag": NO_JSON,
    "GET /api/v1/streaming/hashtag/local": NO_JSON,
    "GET /api/v1/streaming/direct": NO_JSON,
    # for operators and sidecars
    "GET /health": NO_JSON,
    "GET /ping": EMPTY,
    "GET /healthz": OURS,
    "POST /webhooks/payments": OURS,
    "POST /events-broadcast/accounts": OURS,
    "POST /events-broadcast/feed-invalidations": OURS,
    "POST /events-broadcast/notifications": OURS,
    "POST /events-broadcast/notifications-invalidations": OURS,
    "POST /events-broadcast/posts": OURS,
    "GET /readyz": OURS,
    "GET /deadletters": OURS,
    "POST /deadletters/replay": OURS,
    "GET /dapr/subscribe": OURS,
}


def row_for(method: str, path: str) -> str:
    """The row of a request, as `GET /api/v1/statuses/{id}`; empty if there is none."""
    wanted = f"{method} {path.rstrip('/') or '/'}"
    if wanted in ROUTES:
        return wanted
    return next((row for row, pattern in _patterns() if pattern.fullmatch(wanted)), "")


def answers_json(method: str, path: str) -> bool:
    """Whether a route answers with JSON."""
    return ROUTES.get(row_for(method, path)) is not NO_JSON


def entities_of(row: str) -> set[str]:
    """The names of all entities that a route may answer with, at whatever depth."""
    promised = ROUTES[row]
    if isinstance(promised, str):
        return set() if promised in (NEVER, NO_JSON, OURS) else entities_in(promised.strip("[]"))
    return entities_in(promised)


def check(method: str, path: str, body: Any) -> None:
    """Assert that a good answer is what its route promises, whole and of the right types."""
    row = row_for(method, path)
    if not row:
        raise AssertionError(f"{method} {path} has no row in tests/mastodon/routes.py")
    promised = ROUTES[row]
    if promised is NEVER:
        raise AssertionError(f"{row} promises to refuse, and answers {body!r}")
    if promised is OURS or promised is NO_JSON:
        return
    if isinstance(promised, str) and promised.startswith("["):
        check_value(many(promised.strip("[]")), body, promised)
    else:
        check_value(promised, body, row)


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Rows with parameters, those with the fewest first."""
    rows = sorted((row for row in ROUTES if "{" in row), key=lambda row: row.count("{"))
    return [(row, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(row)))) for row in rows]

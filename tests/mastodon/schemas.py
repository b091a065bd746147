"""The client API's entities, written down by hand: every field, its type, null only where allowed.

`check("Status", value)` raises AssertionError with the path of the first thing that is wrong.
Source: <https://docs.joinmastodon.org/entities/>, with the fields of Mastodon 4.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

Check = Callable[[Any, str], None]

_PARTS: dict[Check, tuple[Check | str, ...]] = {}
"""What a check is made of, where it is made of others."""


def _made_of(check: Check, *parts: Check | str) -> Check:
    _PARTS[check] = parts
    return check


def _fail(path: str, what: str, value: Any) -> None:
    raise AssertionError(f"{path} must be {what}, and is {value!r}")


def _of(kind: type, what: str) -> Check:
    def check(value: Any, path: str) -> None:
        if type(value) is not kind:
            _fail(path, what, value)

    return check


text = _of(str, "a text")
flag = _of(bool, "true or false")
whole = _of(int, "a whole number")


def number(value: Any, path: str) -> None:
    """A number, whole or not."""
    if type(value) not in (int, float):
        _fail(path, "a number", value)


def count(value: Any, path: str) -> None:
    """A whole number, not below 0."""
    whole(value, path)
    if value < 0:
        _fail(path, "0 or more", value)


def id(value: Any, path: str) -> None:
    """An id: a text of digits."""
    text(value, path)
    if not re.fullmatch(r"\d{1,20}", value):
        _fail(path, "an id", value)


def digits(value: Any, path: str) -> None:
    """A number, as a text."""
    text(value, path)
    if not re.fullmatch(r"-?\d+", value):
        _fail(path, "a number as a text", value)


def url(value: Any, path: str) -> None:
    """An absolute address."""
    text(value, path)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.netloc:
        _fail(path, "an absolute address", value)


def time(value: Any, path: str) -> None:
    """RFC 3339 in UTC with milliseconds and Z."""
    text(value, path)
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value):
        _fail(path, "a time with milliseconds and Z", value)
    datetime.fromisoformat(value)


def day(value: Any, path: str) -> None:
    """A date."""
    text(value, path)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        _fail(path, "a date", value)
    date.fromisoformat(value)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        allowed = {"a": {"href", "rel", "target", "class"}, "span": {"class"}, "p": set()}
        if tag not in allowed or not {name for name, _ in attrs} <= allowed[tag]:
            self.wrong.append(self.get_starttag_text() or tag)
        for name, value in attrs:
            if name == "href" and not (value or "").startswith(("http://", "https://")):
                self.wrong.append(f"href {value}")
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br" or attrs:
            self.wrong.append(self.get_starttag_text() or tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.wrong.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.wrong.append("instruction")


def html(value: Any, path: str) -> None:
    """HTML of p, br, span and a alone, well nested, with http links."""
    text(value, path)
    tags = _Tags()
    tags.feed(value)
    tags.close()
    if tags.wrong or tags.open:
        _fail(path, f"clean HTML (see {[*tags.wrong, *tags.open][:3]})", value)


def null(value: Any, path: str) -> None:
    """Nothing."""
    if value is not None:
        _fail(path, "null", value)


def opt(inner: Check | str) -> Check:
    """Null, or what is given."""

    def check(value: Any, path: str) -> None:
        if value is not None:
            _check(inner, value, path)

    return _made_of(check, inner)


def many(inner: Check | str) -> Check:
    """A list."""

    def check(value: Any, path: str) -> None:
        if type(value) is not list:
            _fail(path, "a list", value)
        for index, item in enumerate(value):
            _check(inner, item, f"{path}[{index}]")

    return _made_of(check, inner)


def none(value: Any, path: str) -> None:
    """An empty list."""
    if value != [] or type(value) is not list:
        _fail(path, "an empty list", value)


def map_of(inner: Check | str, *names: str) -> Check:
    """An object with some of these fields, and no others."""

    def check(value: Any, path: str) -> None:
        if type(value) is not dict:
            _fail(path, "an object", value)
        for name, item in value.items():
            if name not in names:
                _fail(f"{path}.{name}", f"one of {names}", name)
            _check(inner, item, f"{path}.{name}")

    return _made_of(check, inner)


def one_of(*allowed: str) -> Check:
    """One of some words."""

    def check(value: Any, path: str) -> None:
        if value not in allowed:
            _fail(path, f"one of {allowed}", value)

    return check


def shape(**fields: Check | str) -> Check:
    """An object with exactly these fields; a trailing underscore frees words that Python keeps."""
    named = {name.rstrip("_"): inner for name, inner in fields.items()}

    def check(value: Any, path: str) -> None:
        if type(value) is not dict:
            _fail(path, "an object", value)
        missing, extra = named.keys() - value.keys(), value.keys() - named.keys()
        if missing or extra:
            raise AssertionError(
                f"{path} lacks {sorted(missing)} and has too much: {sorted(extra)}"
            )
        for name, inner in named.items():
            _check(inner, value[name], f"{path}.{name}")

    return _made_of(check, *named.values())


def also(base: Mapping[str, Check | str], **fields: Check | str) -> Check:
    """An object with the fields of another, and more."""
    return shape(**{**base, **fields})


def _also_perhaps(base: Mapping[str, Check | str], **fields: Check | str) -> Check:
    """An object with these fields, and perhaps some of the others."""

    def check(value: Any, path: str) -> None:
        there = {name: inner for name, inner in fields.items() if name in value}
        shape(**base, **there)(value, path)

    return _made_of(check, *base.values(), *fields.values())


VISIBILITY = one_of("public", "unlisted", "private", "direct")

_ACCOUNT: dict[str, Check | str] = {
    "id": id,
    "username": text,
    "acct": text,
    "display_name": text,
    "locked": flag,
    "bot": flag,
    "discoverable": opt(flag),
    "indexable": flag,
    "group": flag,
    "created_at": time,
    "note": html,
    "url": url,
    "uri": url,
    "avatar": url,
    "avatar_static": url,
    "header": url,
    "header_static": url,
    "followers_count": count,
    "following_count": count,
    "statuses_count": count,
    "last_status_at": opt(day),
    "hide_collections": opt(flag),
    "noindex": opt(flag),
    "suspended": flag,
    "limited": flag,
    "moved": opt("Account"),
    "emojis": many("CustomEmoji"),
    "roles": many("Role"),
    "fields": many("Field"),
}

_STATUS: dict[str, Check | str] = {
    "id": id,
    "uri": url,
    "url": opt(url),
    "created_at": time,
    "edited_at": opt(time),
    "account": "Account",
    "content": html,
    "visibility": VISIBILITY,
    "sensitive": flag,
    "spoiler_text": text,
    "language": opt(text),
    "in_reply_to_id": opt(id),
    "in_reply_to_account_id": opt(id),
    "media_attachments": many("MediaAttachment"),
    "mentions": many(shape(id=id, username=text, acct=text, url=url)),
    "tags": many(shape(name=text, url=url)),
    "emojis": many("CustomEmoji"),
    "application": opt(shape(name=text, website=opt(url))),
    "reblogs_count": count,
    "favourites_count": count,
    "replies_count": count,
    "favourited": flag,
    "bookmarked": flag,
    "reblogged": flag,
    "muted": flag,
    "pinned": flag,
    "reblog": opt("Status"),
    "poll": null,
    "card": null,
    "filtered": many(null),
    "products": many("Shop::Card"),
}

_APPLICATION: dict[str, Check | str] = {
    "id": id,
    "name": text,
    "website": opt(url),
    "scopes": many(text),
    "redirect_uri": text,
    "redirect_uris": many(text),
    "vapid_key": text,
}

_MONEY = shape(amount=count, currency=text, decimal=text)
_QUOTE_LINE: dict[str, Check | str] = {
    "product_id": id,
    "variant_id": id,
    "shop_id": id,
    "seller_id": id,
    "title": text,
    "name": text,
    "picture": opt("MediaAttachment"),
    "quantity": count,
    "available": count,
    "price": _MONEY,
    "total": _MONEY,
}

_LIMITS: dict[str, Check | str] = {
    "statuses": shape(
        max_characters=count, max_media_attachments=count, characters_reserved_per_url=count
    ),
    "media_attachments": shape(
        supported_mime_types=many(text),
        description_limit=count,
        image_size_limit=count,
        image_matrix_limit=count,
        video_size_limit=count,
        video_frame_rate_limit=count,
        video_matrix_limit=count,
    ),
    "polls": shape(
        max_options=count,
        max_characters_per_option=count,
        min_expiration=count,
        max_expiration=count,
    ),
}

_NOTIFICATION_TYPE = one_of(
    "mention",
    "status",
    "reblog",
    "follow",
    "follow_request",
    "favourite",
    "poll",
    "update",
    "admin.sign_up",
    "admin.report",
    "order",  # this and the next are ours, for who asks for them
    "payment",
)
_PENDING = shape(pending_requests_count=count, pending_notifications_count=count)
_HANDLING = one_of("accept", "filter", "drop")
_SIZE = shape(width=count, height=count, size=text, aspect=number)
_MEDIUM = shape(width=count, height=count, size=text, aspect=number, url=url)  # ours
_FAULTS = many(shape(error=text, description=text))


ENTITIES: dict[str, Check] = {
    "Account": shape(**_ACCOUNT),
    "CredentialAccount": also(
        _ACCOUNT,
        source=shape(
            privacy=VISIBILITY,
            sensitive=flag,
            language=opt(text),
            note=text,
            fields=many(shape(name=text, value=text, verified_at=opt(time))),
            follow_requests_count=count,
            hide_collections=opt(flag),
            discoverable=opt(flag),
            indexable=flag,
            attribution_domains=many(text),
        ),
        role="Role",
    ),
    "Application": shape(**_APPLICATION),
    "CredentialApplication": also(
        _APPLICATION, client_id=text, client_secret=text, client_secret_expires_at=count
    ),
    "Conversation": shape(id=id, unread=flag, accounts=many("Account"), last_status="Status"),
    "Context": shape(ancestors=many("Status"), descendants=many("Status")),
    "CustomEmoji": shape(
        shortcode=text, url=url, static_url=url, visible_in_picker=flag, category=opt(text)
    ),
    "DeletedStatus": also(_STATUS, text=text),
    "ExtendedDescription": shape(updated_at=time, content=html),
    "Field": shape(name=text, value=html, verified_at=opt(time)),
    "Instance": shape(
        domain=text,
        title=text,
        version=text,
        source_url=url,
        description=text,
        usage=shape(users=shape(active_month=count)),
        thumbnail=shape(
            url=url, blurhash=opt(text), versions=shape(**{"@1x": url}), description=text
        ),
        icon=many(shape(src=url, size=text)),
        languages=many(text),
        configuration=shape(
            urls=shape(
                streaming=url,
                status=opt(url),
                about=opt(url),
                privacy_policy=opt(url),
                terms_of_service=opt(url),
            ),
            vapid=shape(public_key=text),
            accounts=shape(
                max_featured_tags=count,
                max_pinned_statuses=count,
                max_display_name_length=count,
                max_note_length=count,
                max_profile_fields=count,
                profile_field_name_limit=count,
                profile_field_value_limit=count,
            ),
            translation=shape(enabled=flag),
            limited_federation=flag,
            **_LIMITS,
        ),
        registrations=shape(
            enabled=flag,
            approval_required=flag,
            reason_required=flag,
            message=opt(text),
            min_age=opt(count),
            url=opt(url),
        ),
        api_versions=shape(mastodon=count),
        contact=shape(email=text, account=opt("Account")),
        rules=many("Rule"),
    ),
    "InstanceV1": shape(
        uri=text,
        title=text,
        short_description=text,
        description=text,
        email=text,
        version=text,
        urls=shape(streaming_api=url),
        stats=shape(user_count=count, status_count=count, domain_count=count),
        thumbnail=opt(url),
        languages=many(text),
        registrations=flag,
        approval_required=flag,
        invites_enabled=flag,
        configuration=shape(accounts=shape(max_featured_tags=count), **_LIMITS),
        contact_account=opt("Account"),
        rules=many("Rule"),
    ),
    "MediaAttachment": shape(
        id=id,
        type=one_of("image"),
        url=url,
        preview_url=url,
        remote_url=opt(url),
        preview_remote_url=opt(url),
        text_url=opt(url),
        meta=shape(
            original=_SIZE,
            medium=opt(_MEDIUM),
            small=_SIZE,
            focus=shape(x=number, y=number),
        ),
        description=opt(text),
        blurhash=text,
    ),
    "GroupedNotifications": _also_perhaps(
        {
            "accounts": many("Account"),
            "statuses": many("Status"),
            "notification_groups": many("NotificationGroup"),
        },
        partial_accounts=many("Account"),
    ),
    "Marker": shape(last_read_id=id, version=count, updated_at=time),
    "MutedAccount": also(_ACCOUNT, mute_expires_at=opt(time)),
    "NodeInfo": shape(
        version=one_of("2.0"),
        software=shape(name=text, version=text),
        protocols=many(text),
        services=shape(inbound=many(text), outbound=many(text)),
        openRegistrations=flag,
        usage=shape(
            users=shape(total=count, activeMonth=count, activeHalfyear=count), localPosts=count
        ),
        metadata=shape(
            nodeName=text, nodeDescription=text, upstream=shape(name=text, version=text)
        ),
    ),
    "Notification": _also_perhaps(
        {
            "id": id,
            "type": _NOTIFICATION_TYPE,
            "created_at": time,
            "group_key": text,
            "account": "Account",
            "status": opt("Status"),
        },
        order=shape(id=id, event=text),
    ),
    "NotificationGroup": _also_perhaps(
        {
            "group_key": text,
            "notifications_count": count,
            "type": _NOTIFICATION_TYPE,
            "most_recent_notification_id": count,
            "page_min_id": id,
            "page_max_id": id,
            "latest_page_notification_at": time,
            "sample_account_ids": many(id),
            "status_id": opt(id),
        },
        order=shape(id=id, event=text),
    ),
    "NotificationPolicy": shape(
        for_not_following=_HANDLING,
        for_not_followers=_HANDLING,
        for_new_accounts=_HANDLING,
        for_private_mentions=_HANDLING,
        for_limited_accounts=_HANDLING,
        summary=_PENDING,
    ),
    "NotificationPolicyV1": shape(
        filter_not_following=flag,
        filter_not_followers=flag,
        filter_new_accounts=flag,
        filter_private_mentions=flag,
        summary=_PENDING,
    ),
    "OEmbed": shape(
        type=one_of("rich"),
        version=one_of("1.0"),
        title=text,
        author_name=text,
        author_url=url,
        provider_name=text,
        provider_url=url,
        cache_age=count,
        html=text,
        width=count,
        height=opt(count),
    ),
    "FamiliarFollowers": shape(id=id, accounts=many("Account")),
    "Preferences": shape(
        **{
            "posting:default:visibility": VISIBILITY,
            "posting:default:sensitive": flag,
            "posting:default:language": opt(text),
            "reading:expand:media": one_of("default", "show_all", "hide_all"),
            "reading:expand:spoilers": flag,
            "reading:autoplay:gifs": flag,
        }
    ),
    "Relationship": shape(
        id=id,
        following=flag,
        showing_reblogs=flag,
        notifying=flag,
        languages=opt(many(text)),
        followed_by=flag,
        blocking=flag,
        blocked_by=flag,
        muting=flag,
        muting_notifications=flag,
        muting_expires_at=opt(time),
        requested=flag,
        requested_by=flag,
        domain_blocking=flag,
        endorsed=flag,
        note=text,
    ),
    "Export": shape(  # of ours
        id=id,
        state=one_of("running", "ready", "failed", "expired"),
        requested_at=time,
        finished_at=opt(time),
        expires_at=opt(time),
        progress=count,
        doing=text,
        records=count,
        pictures=count,
        size=count,
        url=opt(url),
    ),
    "Report": shape(
        id=id,
        action_taken=flag,
        action_taken_at=opt(time),
        category=one_of("spam", "legal", "violation", "other"),
        comment=text,
        forwarded=flag,
        created_at=time,
        status_ids=opt(many(id)),
        rule_ids=opt(many(text)),
        target_account="Account",
    ),
    "Admin::Account": shape(
        id=id,
        username=text,
        domain=null,
        created_at=time,
        email=text,
        ip=opt(text),
        ips=many(shape(ip=text, used_at=time)),
        locale=text,
        invite_request=opt(text),
        role="Role",
        confirmed=flag,
        approved=flag,
        disabled=flag,
        silenced=flag,
        suspended=flag,
        sensitized=flag,
        account="Account",
        created_by_application_id=opt(id),
        invited_by_account_id=opt(id),
    ),
    "Admin::Report": shape(
        id=id,
        action_taken=flag,
        action_taken_at=opt(time),
        category=one_of("spam", "legal", "violation", "other"),
        comment=text,
        forwarded=flag,
        created_at=time,
        updated_at=time,
        account="Admin::Account",
        target_account="Admin::Account",
        assigned_account=opt("Admin::Account"),
        action_taken_by_account=opt("Admin::Account"),
        statuses=many("Status"),
        rules=many("Rule"),
    ),
    "Role": shape(id=digits, name=text, color=text, permissions=digits, highlighted=flag),
    "Rule": shape(id=id, text=text, hint=text, translations=shape()),
    "Search": shape(accounts=many("Account"), statuses=many("Status"), hashtags=many("Tag")),
    "Status": shape(**_STATUS),
    "StatusEdit": shape(
        content=html,
        spoiler_text=text,
        sensitive=flag,
        created_at=time,
        account="Account",
        poll=null,
        media_attachments=many("MediaAttachment"),
        emojis=many("CustomEmoji"),
    ),
    "Shop": shape(
        id=id,
        url=url,
        owner_id=id,
        name=text,
        description=text,
        currency=text,
        created_at=time,
        edited_at=opt(time),
        archived=flag,
    ),
    "Shop::Product": shape(
        id=id,
        url=url,
        shop_id=id,
        seller_id=id,
        title=text,
        description=text,
        pictures=many("MediaAttachment"),
        currency=text,
        variants=many(shape(id=id, name=text, price=_MONEY, available=count)),
        created_at=time,
        edited_at=opt(time),
        archived=flag,
    ),
    "Shop::Card": shape(
        id=id,
        url=url,
        shop_id=id,
        seller_id=id,
        title=text,
        picture=opt("MediaAttachment"),
        price=_MONEY,
    ),
    "Shop::Stock": shape(variant_id=id, on_hand=count, held=count, available=count, revision=count),
    "Shop::Cart": shape(
        items=many("Shop::CartLine"),
        gone=many(shape(product_id=id, variant_id=id, quantity=count)),
        shop_id=opt(id),
        seller_id=opt(id),
        total=opt(_MONEY),
    ),
    "Shop::Order": shape(
        id=id,
        buyer_id=id,
        seller_id=id,
        shop_id=id,
        items=many(
            shape(
                product_id=id,
                variant_id=id,
                title=text,
                name=text,
                picture=opt("MediaAttachment"),
                quantity=count,
                price=_MONEY,
                total=_MONEY,
            )
        ),
        total=_MONEY,
        state=one_of(
            *("placed", "waiting", "paying", "ending", "refunding"),
            *("completed", "cancelled", "declined", "failed", "refunded"),
        ),
        reason=text,
        paid=flag,
        history=many(shape(what=text, at=time, why=text)),
        created_at=time,
    ),
    "Shop::QuoteLine": shape(**_QUOTE_LINE),
    "Shop::CartLine": shape(**_QUOTE_LINE, added_price=opt(_MONEY)),
    "StatusSource": shape(id=id, text=text, spoiler_text=text),
    "Suggestion": shape(
        source=one_of("staff", "past_interactions", "global"),
        sources=many(
            one_of(
                "featured",
                "most_followed",
                "most_interactions",
                "similar_to_recently_followed",
                "friends_of_friends",
            )
        ),
        account="Account",
    ),
    "Tag": shape(
        id=text,
        name=text,
        url=url,
        history=many(shape(day=digits, uses=digits, accounts=digits)),
        following=flag,
        featuring=flag,
    ),
    "Token": shape(access_token=text, token_type=one_of("Bearer"), scope=text, created_at=count),
    "Error": shape(error=text),
    "OAuthError": shape(error=text, error_description=text),
}


def check_validation(value: Any) -> None:
    """The refusal of a registration: a sentence, and for each field what is wrong with it."""
    shape(error=text, details=lambda details, path: None)(value, "ValidationError")
    for name, faults in value["details"].items():
        _FAULTS(faults, f"ValidationError.details.{name}")


def check(entity: str, value: Any) -> None:
    """Raise AssertionError unless a value is that entity, whole."""
    ENTITIES[entity](value, entity)


def check_all(entity: str, value: Any) -> None:
    """Raise AssertionError unless a value is a list of that entity."""
    many(entity)(value, f"[{entity}]")


def check_value(promised: Check | str, value: Any, path: str) -> None:
    """Raise AssertionError unless a value is as promised: an entity by name, or a check."""
    _check(promised, value, path)


def entities_in(promised: Check | str) -> set[str]:
    """The names of all entities that a value may have in it, at whatever depth."""
    found: set[str] = set()
    waiting: list[Check | str] = [promised]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if part in found:
                continue
            found.add(part)
            part = ENTITIES[part]
        waiting += _PARTS.get(part, ())
    return found


def _check(inner: Check | str, value: Any, path: str) -> None:
    (ENTITIES[inner] if isinstance(inner, str) else inner)(value, path)

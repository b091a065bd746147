"""Well-known URLs: OAuth metadata, host-meta and WebFinger.

There is no page to change a password, so `/.well-known/change-password` is a 404, as browsers
expect.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from services.chassis.errors import NotFound, from_status
from services.chassis.http.responses import OrjsonResponse
from services.contracts.accounts import Account
from services.contracts.scopes import SCOPES
from services.gateway.application.account_search import local_username
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.presentation.entities import people
from services.gateway.presentation.urls import PublicUrls
from services.shared.loopback import is_loopback

JRD = "application/jrd+json"
"""RFC 7033, 10.2; RFC 6415 has `application/xrd+xml`."""

_XRD = """<?xml version="1.0" encoding="UTF-8"?>
<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">
  <Link rel="lrdd" template="{template}"/>
</XRD>
"""
_TLS_ONLY_CLIENT = "mastodonpy"
"""The user agent of Mastodon.py. With this document it refuses to log in over http; without it, it
uses the default endpoints, over http too (docs/decisions/0022)."""


def create_router(gateway: Gateway) -> APIRouter:
    """Routes below `/.well-known`."""
    router = APIRouter(prefix="/.well-known", tags=["well-known"])
    at = gateway.urls

    @router.get("/oauth-authorization-server", responses=responses(_metadata(at.public_url)))
    async def metadata(request: Request) -> OrjsonResponse:
        """The OAuth metadata (RFC 8414), over TLS or on loopback."""
        if not (at.public_url.startswith("https://") or _may_use_http(request, at.host)):
            raise NotFound("This document is available over TLS only.")
        return OrjsonResponse(_metadata(at.public_url))

    @router.get(
        "/host-meta", responses=responses(description="An XRD.", media="application/xrd+xml")
    )
    async def host_meta(request: Request) -> Response:
        """The host-meta document (RFC 6415), as XML or JSON."""
        if "json" in request.headers.get("accept", ""):
            return OrjsonResponse(_host_meta(at), media_type=JRD)
        return Response(
            _XRD.format(template=_template(at)), media_type="application/xrd+xml; charset=utf-8"
        )

    @router.get("/host-meta.json", responses=responses(_host_meta(at), media=JRD))
    async def host_meta_json() -> OrjsonResponse:
        """The host-meta document as JSON."""
        return OrjsonResponse(_host_meta(at), media_type=JRD)

    @router.get("/webfinger", responses=responses(description="A JRD.", media=JRD))
    async def webfinger(
        resource: Annotated[str, Query(max_length=500)] = "",
        rel: Annotated[list[str] | None, Query(max_length=20)] = None,
    ) -> OrjsonResponse:
        """WebFinger (RFC 7033): `acct:name@host`, or the URL of a profile."""
        if not resource:
            raise from_status(400, "The parameter `resource` is missing.")
        name = _username_of(resource, at)
        if not name:
            raise NotFound("There is no account with this username.")
        account = Account.model_validate(await gateway.services.users.account_named(name))
        return OrjsonResponse(_webfinger(account, at, rel), media_type=JRD)

    return router


def _may_use_http(request: Request, host: str) -> bool:
    """Whether endpoints without TLS may be published: on loopback, except to Mastodon.py."""
    asked = request.headers.get("host", "")
    minds = request.headers.get("user-agent", "").startswith(_TLS_ONLY_CLIENT)
    return is_loopback(host) and is_loopback(asked) and not minds


def _metadata(url: str) -> dict[str, Any]:
    ways = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": f"{url}/",
        "authorization_endpoint": f"{url}/oauth/authorize",
        "token_endpoint": f"{url}/oauth/token",
        "revocation_endpoint": f"{url}/oauth/revoke",
        "app_registration_endpoint": f"{url}/api/v1/apps",
        "scopes_supported": [*SCOPES, "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": ways,
        "code_challenge_methods_supported": ["S256"],
        "service_documentation": "https://docs.joinmastodon.org/",
    }


def _template(at: PublicUrls) -> str:
    return f"{at.public_url}/.well-known/webfinger?resource={{uri}}"


def _host_meta(at: PublicUrls) -> dict[str, Any]:
    return {"links": [{"rel": "lrdd", "template": _template(at)}]}


def _username_of(resource: str, at: PublicUrls) -> str:
    """The username of a resource; empty if it is not a local account."""
    for start in (f"{at.public_url}/@", f"{at.public_url}/users/"):
        if resource.startswith(start):
            return local_username(resource.removeprefix(start), at.host)
    scheme, colon, rest = resource.partition(":")
    acct = rest if colon and scheme.lower() == "acct" else resource
    return local_username(acct, at.host) if "@" in acct.removeprefix("@") else ""


def _webfinger(account: Account, at: PublicUrls, rel: list[str] | None) -> dict[str, Any]:
    """The JRD of an account; with `rel` only links of these relations (RFC 7033, 4.3)."""
    profile = people.public_profile(account.profile)
    page = at.account(profile.username)
    links = [
        {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": page},
        {"rel": "http://webfinger.net/rel/avatar", "href": at.avatar(profile.avatar)},
    ]
    return {
        "subject": f"acct:{profile.username}@{at.host}",
        "aliases": [page, at.actor(profile.username)],
        "links": [link for link in links if rel is None or link["rel"] in rel],
    }

"""OAuth clients: validation of their registration, and client authentication."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlsplit

from services.auth.domain import scopes
from services.auth.domain.errors import InvalidClient, InvalidFields, InvalidRequest, InvalidScope
from services.contracts.logins import WEB_CLIENT_ID

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
"""The redirect URI of clients that have the user copy the code."""

WEB_APP_NAME = "Microgram for the web"
_MAX_REDIRECT_URIS, _MAX_URI_CHARACTERS = 10, 2000
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")
_URI_CHARACTERS = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces, controls and the backslash
_FORBIDDEN_SCHEME_NAMES = """
    about blob chrome content data file filesystem ftp intent jar javascript mailto resource sms
    tel urn vbscript view-source ws wss
"""
_FORBIDDEN_SCHEMES = frozenset(_FORBIDDEN_SCHEME_NAMES.split())
_BIDI_CONTROLS = frozenset(["LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"])
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
"""A host name or an address. Other characters of URIs would end it in a header of the gateway."""

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A registered OAuth client. Only a hash of its secret is stored."""

    id: str
    client_id: str
    secret_sha256: str
    name: str
    website: str
    redirect_uris: list[str]
    scopes: str
    created_at: str

    def verify_secret(self, secret: str) -> None:
        """Raise `InvalidClient` unless this is the client's secret."""
        if not compare_digest(sha256_hex(secret), self.secret_sha256):
            raise InvalidClient

    @property
    def safe_redirect_uris(self) -> list[str]:
        """The redirect URIs that the present rules accept; older registrations may have others."""
        return [uri for uri in self.redirect_uris if not redirect_uri_error(uri)]

    def check_redirect(self, uri: str) -> None:
        """Raise `InvalidRequest` unless the URI equals a registered one."""
        if uri not in self.safe_redirect_uris:
            raise InvalidRequest("The redirect URI is not registered for this app.")


def web_app(id: str, created_at: str) -> OAuthClient:
    """Return the web app of the gateway, with the fixed client id `WEB_CLIENT_ID`.

    No secret has an empty hash, and it has no redirect URI. So nobody gets its tokens with
    credentials or codes; only a login on the pages of the gateway issues one.
    """
    return OAuthClient(
        id=id,
        client_id=WEB_CLIENT_ID,
        secret_sha256="",
        name=WEB_APP_NAME,
        website="",
        redirect_uris=[],
        scopes=scopes.WEB_APP_SCOPES,
        created_at=created_at,
    )


def sha256_hex(secret: str) -> str:
    """Return the form in which secrets and codes are stored. They are random and need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_client_id(text: str) -> bool:
    """Return whether this has the form of a client id. Only such ids are looked up."""
    return _CLIENT_ID.fullmatch(text) is not None


def validate_client(name: str, redirect_uris: Sequence[str], wanted: str, website: str) -> str:
    """Validate a registration, and return the scopes of the client. Raises `InvalidFields`."""
    errors = {
        "client_name": [] if _is_valid_name(name) else ["must be a line of text"],
        "redirect_uris": _redirect_uri_errors(redirect_uris),
        "website": [] if not website or _is_valid_website(website) else ["must be an http address"],
    }
    given = scopes.DEFAULT_SCOPE
    try:
        given = " ".join(scopes.parse_scopes(wanted)) or scopes.DEFAULT_SCOPE
    except InvalidScope as error:
        errors["scopes"] = [f"are not valid: {error.message}"]
    if any(errors.values()):
        raise InvalidFields({field: found for field, found in errors.items() if found})
    return given


def redirect_uri_error(uri: str) -> str:
    """Return what is wrong with a redirect URI, empty if it is valid."""
    if uri == OUT_OF_BAND:
        return ""
    if len(uri) > _MAX_URI_CHARACTERS or not _URI_CHARACTERS.fullmatch(uri):
        return "must be an absolute URI"
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest or not _SCHEME.fullmatch(scheme.lower()):
        return "must be an absolute URI"
    if scheme.lower() in _FORBIDDEN_SCHEMES:
        return f"must not use {scheme.lower()}:"
    if "#" in uri:
        return "cannot contain a fragment"
    if scheme.lower() in ("http", "https") and not _has_host(uri):
        return "must name a host, and no user"
    return ""


def _redirect_uri_errors(uris: Sequence[str]) -> list[str]:
    if not 1 <= len(uris) <= _MAX_REDIRECT_URIS:
        return [f"must be one to {_MAX_REDIRECT_URIS}"]
    return list(dict.fromkeys(error for uri in uris if (error := redirect_uri_error(uri))))


def _has_host(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        valid_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        uri.partition(":")[2].startswith("//")
        and _HOST.fullmatch(parts.hostname or "") is not None
        and valid_port
        and ("@" not in parts.netloc)
    )


def _is_valid_website(text: str) -> bool:
    web = text.lower().startswith(("http://", "https://"))
    return web and _URI_CHARACTERS.fullmatch(text) is not None and _has_host(text)


def _is_valid_name(text: str) -> bool:
    """Return whether a name is not blank, and has no control or bidirectional characters."""
    return bool(text.strip()) and not any(
        unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in _BIDI_CONTROLS
        for c in text
    )

"""How auth says no: OAuth's own error codes, with the status RFC 6749 (5.2) gives them."""

from __future__ import annotations

from services.chassis.errors import Forbidden, Invalid, RateLimited, ServiceError, Unauthenticated


class OAuthError(ServiceError):
    """A refusal whose `code` is the `error` that a client of OAuth understands."""

    status, code = 400, "invalid_request"


class InvalidRequest(OAuthError):
    """A parameter is missing, or makes no sense."""


class InvalidGrant(OAuthError):
    """The code is wrong, used or expired, or does not belong to what comes with it."""

    code = "invalid_grant"


class InvalidScope(OAuthError):
    """A scope is unknown, or more than the app may ask for."""

    code = "invalid_scope"


class UnsupportedGrantType(OAuthError):
    """Neither `authorization_code` nor `client_credentials`."""

    code = "unsupported_grant_type"


class InvalidClient(OAuthError):
    """The app is unknown, or its secret is wrong."""

    status, code = 401, "invalid_client"

    def __init__(self) -> None:
        super().__init__("The client is unknown, or its secret is wrong.")


class UnauthorizedClient(Forbidden):
    """A token is revoked only by the app that it was issued to."""

    code = "unauthorized_client"

    def __init__(self) -> None:
        super().__init__("The token was issued to another client.")


class InvalidCredentials(Unauthenticated):
    """No such person, or not the password: which of the two is not said."""

    code = "wrong_login"

    def __init__(self) -> None:
        super().__init__("The username or e-mail address and the password do not match.")


class AccountSuspended(Forbidden):
    """Somebody who proved who they are, and is suspended."""

    code = "suspended"

    def __init__(self) -> None:
        super().__init__("This account is suspended.")


class AccountDeleted(Unauthenticated):
    """The account is no more; its name cannot be had again."""

    code = "wrong_login"

    def __init__(self) -> None:
        super().__init__("This account was deleted.")


class LoginThrottled(RateLimited):
    """Too many wrong passwords for one name."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"Too many failed logins. Try again in {_minutes(seconds)}.", retry_after=seconds
        )


class InvalidFields(Invalid):
    """Fields that break a rule: `details` says for each what is wrong with it."""

    def __init__(self, faults: dict[str, list[str]]) -> None:
        sentences = [
            f"{_FIELD_LABELS.get(f, f)} {fault}" for f, found in faults.items() for fault in found
        ]
        super().__init__(f"Validation failed: {', '.join(sentences)}", details=faults)


_FIELD_LABELS = {
    "username": "Username",
    "email": "E-mail",
    "password": "Password",
    "agreement": "Agreement",
    "client_name": "Client name",
    "redirect_uris": "Redirect URI",
    "scopes": "Scopes",
    "website": "Website",
}


def _minutes(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"

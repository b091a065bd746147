"""The errors of auth: OAuth error codes, with the status of RFC 6749 (5.2)."""

from __future__ import annotations

from services.chassis.errors import (
    Conflict,
    Forbidden,
    Invalid,
    RateLimited,
    ServiceError,
    Unauthenticated,
)


class OAuthError(ServiceError):
    """An error whose `code` is the `error` of OAuth."""

    status, code = 400, "invalid_request"


class InvalidRequest(OAuthError):
    """A parameter is missing or malformed."""


class InvalidGrant(OAuthError):
    """The code is unknown, used or expired, or was issued for another request."""

    code = "invalid_grant"


class InvalidScope(OAuthError):
    """A scope is unknown, or exceeds the scopes of the app."""

    code = "invalid_scope"


class UnsupportedGrantType(OAuthError):
    """The grant type is none that auth knows."""

    code = "unsupported_grant_type"


class InvalidClient(OAuthError):
    """The app is unknown, or its secret is wrong."""

    status, code = 401, "invalid_client"

    def __init__(self) -> None:
        super().__init__("The client is unknown, or its secret is wrong.")


class UnauthorizedClient(Forbidden):
    """The token belongs to another client, which alone may revoke it."""

    code = "unauthorized_client"

    def __init__(self) -> None:
        super().__init__("The token was issued to another client.")


class InvalidCredentials(Unauthenticated):
    """The user does not exist, or the password is wrong. The error does not say which."""

    code = "wrong_login"

    def __init__(self) -> None:
        super().__init__("The username or e-mail address and the password do not match.")


class SecondFactorRequired(Unauthenticated):
    """The password is right, and a code is needed. `ticket` stands for the password meanwhile."""

    code = "second_factor_required"

    def __init__(self, ticket: str = "") -> None:
        super().__init__(
            "This account has a second factor. Log in to the web app with a code.", ticket=ticket
        )


class InvalidCode(Invalid):
    """The code of a second factor is wrong, or was used. `reason` is for the security log."""

    code = "invalid_code"

    def __init__(self, reason: str) -> None:
        super().__init__("This code is wrong, or was used before. Wait for the next one.")
        self.reason = reason


class AccountSuspended(Forbidden):
    """The password is right, but the user is suspended."""

    code = "suspended"

    def __init__(self) -> None:
        super().__init__("This account is suspended.")


class InvalidLink(Invalid):
    """The token of a link is wrong, used or expired. The error does not say which."""

    code = "invalid_link"

    def __init__(self) -> None:
        super().__init__("This link was used before, or has expired. Request a new one.")


class LoginOutdated(Unauthenticated):
    """All tokens of the user were revoked during the login: password, role or account changed."""

    code = "wrong_login"

    def __init__(self) -> None:
        super().__init__("The account has changed during the login. Log in again.")


class PasswordChanged(Conflict):
    """Another change of the password came first."""

    def __init__(self) -> None:
        super().__init__("The password was changed in the meantime. Log in with the new one.")


class LoginThrottled(RateLimited):
    """Too many failed logins under one name."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"Too many failed logins. Try again in {_minutes(seconds)}.", retry_after=seconds
        )


class InvalidFields(Invalid):
    """Some fields are invalid. `details` lists for each what is wrong with it."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        sentences = [
            f"{_FIELD_LABELS.get(f, f)} {error}" for f, found in errors.items() for error in found
        ]
        super().__init__(f"Validation failed: {', '.join(sentences)}", details=errors)


_FIELD_LABELS = {
    "username": "Username",
    "email": "E-mail",
    "password": "Password",
    "current_password": "Current password",
    "agreement": "Agreement",
    "client_name": "Client name",
    "redirect_uris": "Redirect URI",
    "scopes": "Scopes",
    "website": "Website",
}


def _minutes(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"

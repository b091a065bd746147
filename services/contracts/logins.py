"""Credentials, apps and tokens (OAuth 2)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from services.contracts.accounts import Id, Model, examples
from services.contracts.texts import Line

WEB_CLIENT_ID = "microgram-web-app"
"""The client id of the web app, which has no secret: only a login on its pages gets a token."""

MAX_USER_AGENT_CHARACTERS = 200
"""Characters of a user agent that are kept. The rest is cut off; a long one is no error."""

UserAgent = Annotated[str, BeforeValidator(lambda text: str(text)[:MAX_USER_AGENT_CHARACTERS])]
"""The `User-Agent` header of a browser or an app at the moment of a login."""

_REDIRECT_URI = "urn:ietf:wg:oauth:2.0:oob"
_CLIENT = {
    "client_id": "b6cVQXlrDFGMTEXCtR1nq7cVZnGn4JmYxLkB6q0sPyE",
    "client_secret": "ZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Yg1qzXo2mQk",
}
_CODE = "d0kUo7S2Jx1yEX8mVvM6cWqf3nQ5Zb9tRgLhPaYsTiE"
_TOKEN = "eyJhbGciOiJFZERTQSIsImtpZCI6IjFhMmIiLCJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOi….Zm9v…"  # noqa: S105
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
_CREDENTIALS = {"login": "ada", "password": "analytical engine"}
_LOGIN = {
    "user_id": "115581273340018689",
    "username": "ada",
    "created_at": "2025-11-20T09:12:44.120Z",
    "deleted": False,
    "role": "",
    "suspended": False,
    "locale": "en",
}


class Login(Model):
    """A login without anything secret. Event `login.registered` on `logins`.

    The event is published on registration, on each change of `role`, `suspended` or the password,
    and on deletion (`deleted`). `role` is empty or `admin`. `locale` is the language of the
    registration.
    """

    model_config = examples(_LOGIN)

    user_id: Id
    username: str
    created_at: str
    deleted: bool = False
    role: str = ""
    suspended: bool = False
    locale: str = ""


class KnownLogin(Login):
    """A login with the version of its event, for a service that has not received the event yet."""

    model_config = examples({**_LOGIN, "version": 1})

    version: int


class LoginDetails(Login):
    """A login as an admin sees it."""

    model_config = examples({**_LOGIN, "email": "ada@example.org"})

    email: str


class EmailAddress(Model):
    """The e-mail address of a user, requested by the sender at the moment of sending."""

    model_config = examples({"username": "ada", "email": "ada@example.org"})

    username: str
    email: str


class NewRole(Model):
    """The new role of a user. An empty role removes the present one."""

    model_config = examples({"username": "ada", "role": "admin"})

    username: str = Field(max_length=100)
    role: Literal["", "admin"]


class NewApp(Model):
    """An OAuth client to register."""

    model_config = examples(
        {
            "client_name": "toot - a Mastodon CLI client",
            "redirect_uris": [_REDIRECT_URI],
            "scopes": "read write follow",
            "website": "https://toot.bezdomni.net/",
        }
    )

    client_name: str = Field(min_length=1, max_length=100)
    redirect_uris: list[str] = Field(min_length=1, max_length=10)
    scopes: str = Field(default="read", max_length=500)
    website: str = Field(default="", max_length=300)


class App(Model):
    """A registered OAuth client. Only the response to its registration has a `client_secret`."""

    model_config = examples(
        {
            "id": "115581273340018688",
            **_CLIENT,
            "name": "toot - a Mastodon CLI client",
            "website": "https://toot.bezdomni.net/",
            "redirect_uris": [_REDIRECT_URI],
            "scopes": "read write follow",
        }
    )

    id: Id
    client_id: str
    client_secret: str = ""
    name: Line
    website: str = ""
    redirect_uris: list[str]
    scopes: str


class GrantableScope(Model):
    """The scopes that a client would get."""

    model_config = examples({"scope": "read write"})

    scope: str


class Authorization(Model):
    """A user logs in for a client, and authorizes it for scopes. See `NewSession.ticket`."""

    model_config = examples(
        {
            "client_id": _CLIENT["client_id"],
            "redirect_uri": _REDIRECT_URI,
            "scope": "read write follow",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
            **_CREDENTIALS,
            "user_agent": _USER_AGENT,
        }
    )

    client_id: str = Field(max_length=100)
    redirect_uri: str = Field(max_length=2000)
    scope: str = Field(default="read", max_length=500)
    code_challenge: str = Field(default="", max_length=128)
    code_challenge_method: str = Field(default="", max_length=10)
    login: str = Field(default="", max_length=320)
    password: str = Field(default="", max_length=256)
    ticket: str = Field(default="", max_length=100)
    second_factor: str = Field(default="", max_length=40)
    user_agent: UserAgent = ""


class AuthorizationCode(Model):
    """An authorization code. It works once, for ten minutes."""

    model_config = examples({"code": _CODE})

    code: str


class TokenRequest(Model):
    """A request for a token.

    The grant types are `authorization_code`, `client_credentials` and `refresh_token`.
    """

    model_config = examples(
        {
            "grant_type": "authorization_code",
            **_CLIENT,
            "code": _CODE,
            "redirect_uri": _REDIRECT_URI,
            "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        },
        {"grant_type": "client_credentials", **_CLIENT, "scope": "read write"},
        {"grant_type": "refresh_token", **_CLIENT, "refresh_token": f"{_CODE}.{_CODE}"},
    )

    grant_type: str = Field(max_length=40)
    client_id: str = Field(default="", max_length=100)
    client_secret: str = Field(default="", max_length=200)
    code: str = Field(default="", max_length=200)
    redirect_uri: str = Field(default="", max_length=2000)
    code_verifier: str = Field(default="", max_length=128)
    scope: str = Field(default="", max_length=500)
    refresh_token: str = Field(default="", max_length=200)


class Token(Model):
    """An access token. `created_at` is in seconds since 1970.

    An app with the scope `offline_access` also gets a `refresh_token`, which works once, and its
    access token ends after `expires_in` seconds. For other apps both are empty.
    """

    model_config = examples(
        {
            "access_token": _TOKEN,
            "token_type": "Bearer",
            "scope": "read write follow",
            "created_at": 1763640000,
        }
    )

    access_token: str
    token_type: str = "Bearer"  # noqa: S105
    scope: str
    created_at: int
    refresh_token: str = ""
    expires_in: int = 0


class TokenRevocation(Model):
    """A token that its client revokes (RFC 7009)."""

    model_config = examples({**_CLIENT, "token": _TOKEN})

    client_id: str = Field(default="", max_length=100)
    client_secret: str = Field(default="", max_length=200)
    token: str = Field(max_length=4000)


class Jwk(Model):
    """A public key as a JWK (RFC 7517)."""

    kty: str
    crv: str
    use: str
    alg: str
    kid: str
    x: str


class JwkSet(Model):
    """The public keys that verify tokens. During a rotation there is more than one."""

    model_config = examples(
        {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "use": "sig",
                    "alg": "EdDSA",
                    "kid": "1a2b3c4d5e6f7081",
                    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                }
            ]
        }
    )

    keys: list[Jwk]


class RevokedTokens(Model):
    """Ids (`jti`) of revoked tokens, and the cursor of the next ones."""

    model_config = examples({"revoked": ["kQ1zXo2mQkZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Y"], "next": 1})

    revoked: list[str]
    next: int


class Credentials(Model):
    """A login (username or e-mail address) and its password."""

    model_config = examples(_CREDENTIALS)

    login: str = Field(max_length=320)
    password: str = Field(max_length=256)


class NewSession(Model):
    """A user logs in to a page of the gateway.

    An `archive` session works for the page of archives only, for six hours. A `web` session is a
    token of the web app with all scopes of the user, and lasts 90 days.

    A user with a second factor logs in twice: the error `second_factor_required` has a `ticket`,
    which takes the place of login and password together with `second_factor`, a code.
    """

    model_config = examples({**_CREDENTIALS, "kind": "web", "user_agent": _USER_AGENT})

    login: str = Field(default="", max_length=320)
    password: str = Field(default="", max_length=256)
    ticket: str = Field(default="", max_length=100)
    second_factor: str = Field(default="", max_length=40)
    kind: Literal["archive", "web"] = "archive"
    user_agent: UserAgent = ""


class Session(Model):
    """The token of a session on a page of the gateway. `expires_at` is in seconds since 1970."""

    model_config = examples({"token": _TOKEN, "expires_at": 1795176000})

    token: str
    expires_at: int = 0


class ActiveSession(Model):
    """Something that holds a valid token of a user: a browser, or an app.

    `kind` is `web` for the web app, `app` for any other app, and `archive` for the page of
    archives, which has no app. `is_current` marks the session that asks. Times are in seconds
    since 1970.
    """

    id: str
    kind: Literal["web", "app", "archive"]
    app_name: Line
    website: str = ""
    created_at: int
    expires_at: int
    user_agent: Line = ""
    is_current: bool = False


class ActiveSessions(Model):
    """What holds a valid token of a user, newest first."""

    model_config = examples(
        {
            "sessions": [
                {
                    "id": "kQ1zXo2mQkZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Y",
                    "kind": "web",
                    "app_name": "Microgram for the web",
                    "website": "",
                    "created_at": 1763640000,
                    "expires_at": 1795176000,
                    "user_agent": _USER_AGENT,
                    "is_current": True,
                }
            ]
        }
    )

    sessions: list[ActiveSession]


class NewPassword(Model):
    """The present password of a user, and the one to come. Auth validates each field."""

    model_config = examples(
        {"current_password": "analytical engine", "password": "difference engine"}
    )

    current_password: str = Field(max_length=256)
    password: str = Field(max_length=1000)  # auth rejects more than 256


class CurrentPassword(Model):
    """The password of a user who is logged in, for what needs it once more."""

    model_config = examples({"current_password": "analytical engine"})

    current_password: str = Field(max_length=256)


class SecondFactorStatus(Model):
    """Whether a user has a second factor, and how many recovery codes are left."""

    model_config = examples({"enabled": True, "recovery_codes_left": 10})

    enabled: bool
    recovery_codes_left: int


class NewSecondFactor(Model):
    """A secret for an authenticator app, in base32 and as the address for a QR code."""

    model_config = examples(
        {
            "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "uri": "otpauth://totp/example.org:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        }
    )

    secret: str
    uri: str


class SecondFactorCode(Model):
    """A code of an authenticator app."""

    model_config = examples({"code": "492039"})

    code: str = Field(max_length=40)


class RecoveryCodes(Model):
    """Codes that work once each, in place of those of an app that was lost."""

    model_config = examples({"codes": ["JBSW-Y3DP-EHPK-3PXP"]})

    codes: list[str]


class ForgottenPassword(Model):
    """The address of somebody who has forgotten their password."""

    model_config = examples({"email": "ada@example.org"})

    email: str = Field(max_length=320)


class AccountLink(Model):
    """What a link in a mail carries: a user, and a one-time token."""

    model_config = examples({"user_id": _LOGIN["user_id"], "token": _CODE})

    user_id: Id
    token: str = Field(min_length=1, max_length=100)


class PasswordReset(AccountLink):
    """A new password, for the token of a link."""

    model_config = examples(
        {"user_id": _LOGIN["user_id"], "token": _CODE, "password": "difference engine"}
    )

    password: str = Field(max_length=1000)  # auth rejects more than 256


class PasswordLinkRequest(Model):
    """The username or the address of a user who has forgotten their password."""

    model_config = examples({"username": "ada"})

    username: str = Field(max_length=320)


class PasswordLink(AccountLink):
    """A link to a new password, and its address. It works once, for an hour."""

    model_config = examples(
        {
            "user_id": _LOGIN["user_id"],
            "token": _CODE,
            "url": f"https://example.org/auth/password/edit?of={_LOGIN['user_id']}&token={_CODE}",
        }
    )

    url: str


class NewEmail(Model):
    """Another e-mail address of a user, and their password. Auth validates each field."""

    model_config = examples({"email": "ada@example.com", "current_password": "analytical engine"})

    email: str = Field(max_length=320)
    current_password: str = Field(max_length=256)


class OwnEmail(Model):
    """The e-mail address of a user. `can_change`: whether mail can be sent to confirm another."""

    model_config = examples(
        {
            "email": "ada@example.org",
            "is_confirmed": True,
            "unconfirmed_email": "ada@example.com",
            "can_change": True,
        }
    )

    email: str
    is_confirmed: bool
    unconfirmed_email: str = ""
    can_change: bool


class RegistrationRequest(Model):
    """A user to register. Auth validates each field."""

    model_config = examples(
        {
            "username": "ada",
            "email": "ada@example.org",
            "password": "analytical engine",
            "agreement": True,
            "locale": "en",
            "user_agent": "toot/0.51.0",
        }
    )

    username: str = Field(max_length=100)
    email: str = Field(max_length=320)
    password: str = Field(max_length=1000)  # auth rejects more than 256
    agreement: bool = False
    locale: str = Field(default="en", max_length=100)
    user_agent: UserAgent = ""


class DeletionRequest(Credentials):
    """A user deletes their account, and proves their identity."""


class DeletedUsers(Model):
    """Those of some users who deleted their account."""

    model_config = examples({"user_ids": [_LOGIN["user_id"]]})

    user_ids: list[Id]


class DeletionResponse(Model):
    """The id of the deleted user."""

    model_config = examples({"user_id": _LOGIN["user_id"]})

    user_id: Id


class RegistrationResponse(Model):
    """The registered user. `token` is for the app that registered them, if an app did."""

    model_config = examples(
        {
            "user_id": _LOGIN["user_id"],
            "username": "ada",
            "token": {
                "access_token": _TOKEN,
                "token_type": "Bearer",
                "scope": "read write follow",
                "created_at": 1763640000,
            },
        }
    )

    user_id: Id
    username: str
    token: Token | None = None

"""Credentials, apps and tokens (OAuth 2)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.contracts.accounts import Id, Model


class Login(Model):
    """Somebody registered, stands otherwise now, or (`deleted`) left; says nothing secret.

    Event `login.registered` on `logins`. `role` is empty or `admin`. `locale` is the language that
    they registered in.
    """

    user_id: Id
    username: str
    created_at: str
    deleted: bool = False
    role: str = ""
    suspended: bool = False
    locale: str = ""


class KnownLogin(Login):
    """A login as who has not heard of it asks for it, with the version that its event has."""

    version: int


class LoginDetails(Login):
    """A login as an admin sees it."""

    email: str


class Address(Model):
    """Where somebody is reached by mail: for who sends it, at the moment of sending."""

    username: str
    email: str


class NewRole(Model):
    """Which role somebody is to have; an empty one for none."""

    username: str = Field(max_length=100)
    role: Literal["", "admin"]


class NewApp(Model):
    """A client that wants to be known."""

    client_name: str = Field(min_length=1, max_length=100)
    redirect_uris: list[str] = Field(min_length=1, max_length=10)
    scopes: str = Field(default="read", max_length=500)
    website: str = Field(default="", max_length=300)


class App(Model):
    """A client as it is known. `client_secret` is shown once, when it is made."""

    id: Id
    client_id: str
    client_secret: str = ""
    name: str
    website: str = ""
    redirect_uris: list[str]
    scopes: str


class Grantable(Model):
    """The scopes that a client would get."""

    scope: str


class Authorization(Model):
    """Somebody logs in for a client, and lets it act within scopes."""

    client_id: str = Field(max_length=100)
    redirect_uri: str = Field(max_length=2000)
    scope: str = Field(default="read", max_length=500)
    code_challenge: str = Field(default="", max_length=128)
    code_challenge_method: str = Field(default="", max_length=10)
    login: str = Field(max_length=320)
    password: str = Field(max_length=256)


class Code(Model):
    """An authorization code: works once, for ten minutes."""

    code: str


class TokenRequest(Model):
    """`authorization_code` or `client_credentials`."""

    grant_type: str = Field(max_length=40)
    client_id: str = Field(default="", max_length=100)
    client_secret: str = Field(default="", max_length=200)
    code: str = Field(default="", max_length=200)
    redirect_uri: str = Field(default="", max_length=2000)
    code_verifier: str = Field(default="", max_length=128)
    scope: str = Field(default="", max_length=500)


class Token(Model):
    """An access token. `created_at` is in seconds since 1970."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105
    scope: str
    created_at: int


class Proof(Model):
    """By which somebody proves who they are."""

    login: str = Field(max_length=320)
    password: str = Field(max_length=256)


class NewSession(Proof):
    """Somebody logs in to a page of the gateway's."""


class Session(Model):
    """The token of who logged in there."""

    token: str


class Registration(Model):
    """A new person. The rules on each field are auth's."""

    username: str = Field(max_length=100)
    email: str = Field(max_length=320)
    password: str = Field(max_length=1000)  # auth refuses to keep one above 256
    agreement: bool = False
    locale: str = Field(default="en", max_length=100)


class Deletion(Proof):
    """Somebody wants to be gone, and proves who they are."""


class Deleted(Model):
    """Who is gone."""

    user_id: Id


class Registered(Model):
    """Who was registered, and, where an app asked for it, the token it may act with."""

    user_id: Id
    username: str
    token: Token | None = None

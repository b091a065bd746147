"""Mails about accounts: auth says what to send to whom, and notifications sends it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.contracts.accounts import Id, Model, examples
from services.contracts.texts import Line

MailKind = Literal[
    "password_reset",
    "email_confirmation",
    "address_in_use",
    "password_changed",
    "email_changed",
    "new_login",
]


class AccountMail(Model):
    """A mail about an account. `token` is that of its link, empty for a mail without one.

    `app` and `user_agent` describe a new login; `at` is its time, or that of the change, in seconds
    since 1970.
    """

    model_config = examples(
        {
            "kind": "password_reset",
            "email": "ada@example.org",
            "user_id": "115581273340018689",
            "username": "ada",
            "token": "kQ1zXo2mQkZEakb0z0eVUQhTAwJvL1Rx1MYc8g4Jm2Y",
            "at": 1763640000,
        }
    )

    kind: MailKind
    email: str = Field(max_length=254)
    user_id: Id
    username: str = Field(max_length=100)
    token: str = Field(default="", max_length=100)
    at: int
    app: Line = Field(default="", max_length=100)
    user_agent: Line = Field(default="", max_length=200)

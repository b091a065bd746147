"""Conversations: what some people wrote to one another, and to nobody else, in one thread."""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Account, Id, Model
from services.contracts.posts import PostView


class ConversationView(Model):
    """A conversation as somebody sees it who is in it.

    `people` are the others, or themselves where nobody else is there (any more). `last` is the
    newest post of it that they may see, `place` what the list is sorted and paged by. The id is
    the same for all who are in it.
    """

    id: Id
    place: Id
    unread: bool
    people: list[Id]
    last: PostView


class ConversationPage(Model):
    """A page, the one with the newest post first, and everybody in it.

    `first` and `last` are the places that the page reaches to; empty on an empty page. `more` is
    where the list goes on; empty at its end.
    """

    conversations: list[ConversationView]
    accounts: dict[Id, Account]
    first: Id = ""
    last: Id = ""
    more: Id = ""


class ConversationMark(Model):
    """Whether somebody has read a conversation."""

    read: bool = Field(examples=[True])

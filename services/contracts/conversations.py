"""Conversations: threads of direct posts."""

from __future__ import annotations

from pydantic import Field

from services.contracts.accounts import Account, Id, Model
from services.contracts.posts import PostView


class ConversationView(Model):
    """A conversation as one of its participants sees it.

    `people` are the other participants, or the viewer if there is no other (any more). `last` is
    the newest post that the viewer may see. `place` is the sort key and cursor. The id is the same
    for all participants.
    """

    id: Id
    place: Id
    unread: bool
    people: list[Id]
    last: PostView


class ConversationPage(Model):
    """A page of conversations, the one with the newest post first, and their participants.

    `first` and `last` are the cursors that bound the page; both are empty on an empty page. `more`
    is the cursor of the next page, empty at the end.
    """

    conversations: list[ConversationView]
    accounts: dict[Id, Account]
    first: Id = ""
    last: Id = ""
    more: Id = ""


class ConversationReadState(Model):
    """Whether the caller has read a conversation."""

    read: bool = Field(examples=[True])

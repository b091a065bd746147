"""The bidi matrix: every text field of every contract model has a rule, and the rules hold."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from time import thread_time
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from unicodedata import bidirectional, category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from services import contracts
from services.contracts.accounts import Id, Model
from services.contracts.texts import Line, Prose, clean_line, clean_prose

TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF"}
OPENS, CLOSES = "\u2066\u2067\u2068", "\u2069"
TEXTS = st.text(
    st.sampled_from([*"ab \n\t\r\x00\x1b\x85\u05d0\u200e\u200f\u061c\u200d\u2028\ufffe\ud83d"])
    | st.sampled_from([chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x2070))])
    | st.characters(),
    max_size=60,
)

LINE_RULE, PROSE_RULE, ID_MARK = (get_args(kind)[1] for kind in (Line, Prose, Id))

NO_TEXT = {
    # Cursors, keys and names of files and documents: made by services, or compared only.
    **dict.fromkeys(("id", "more", "next", "last", "tag"), "a cursor, or the id of a document"),
    **dict.fromkeys(("avatar", "header", "original", "medium", "small"), "the name of a file"),
    **dict.fromkeys(("documents", "group_key", "key", "idempotency_key"), "a key"),
    **dict.fromkeys(("code", "client_id", "client_secret", "token", "access_token"), "random"),
    **dict.fromkeys(("refresh_token", "ticket", "secret", "codes"), "random"),
    "second_factor": "compared only",
    **dict.fromkeys(("code_challenge", "code_challenge_method", "code_verifier"), "of OAuth"),
    **dict.fromkeys(("scope", "scopes", "grant_type", "token_type", "redirect_uri"), "of OAuth"),
    **dict.fromkeys(("login", "password", "current_password"), "compared only"),
    **dict.fromkeys(("kty", "crv", "use", "alg", "kid", "x", "revoked"), "of a key or a token"),
    # Of a fixed form, which the owner of the field checks.
    **dict.fromkeys(
        ("username", "usernames", "email", "unconfirmed_email"), "checked on registration"
    ),
    **dict.fromkeys(("redirect_uris", "website", "application_website"), "a URI, ASCII only"),
    **dict.fromkeys(("tags", "names"), "hashtags: letters, digits and marks"),
    **dict.fromkeys(("language", "default_language", "locale"), "a code, or no language"),
    **dict.fromkeys(("default_visibility", "role", "mime", "blurhash", "type"), "one of few"),
    **dict.fromkeys(("verified_at", "last_status_at", "muted_until", "until"), "a time"),
    **dict.fromkeys(("created_at", "updated_at", "edited_at", "latest_at", "at"), "a time"),
    **dict.fromkeys(("expires_at", "muting_expires_at", "resolved_at"), "a time"),
    **dict.fromkeys(("requested_at", "finished_at"), "a time"),
}
"""By name of a field, why it is no text that somebody writes and another reads."""

NO_TEXT_OF = {
    ("NewApp", "client_name"): "auth refuses control characters in it",
    ("TagFollowed", "name"): "a hashtag",
    ("TagUse", "name"): "a hashtag",
    ("ProfileImage", "name"): "the name of a file",
    ("Notification", "what"): "the state of an order",
    ("NotificationGroup", "what"): "the state of an order",
    ("Payment", "waiting"): "a step",
    ("Payment", "refunds"): "by key",
    ("StatementLine", "step"): "a step",
    ("NewPayment", "card"): "a token with a pattern",
    ("NewCheckout", "card"): "a token with a pattern",
    ("Report", "rules"): "ids of rules",
    ("Export", "doing"): "one of ours",
    ("ExportPage", "records"): "data as it is stored, for the user's own archive",
    ("ErrorBody", "message"): "ours; the gateway cleans what it repeats of a request",
    ("ErrorBody", "details"): "ours",
    ("LedgerPage", "faults"): "ours, for the operator",
    ("LedgerPage", "accounts"): "by account of the ledger",
    ("LedgerPage", "sums"): "by currency",
    ("NewMarker", "last_read_id"): "an id with a pattern",
    ("Marker", "last_read_id"): "an id",
    ("PasswordLink", "url"): "ours",
    ("NewSecondFactor", "uri"): "ours",
    **{
        (model, "user_agent"): "one visible line, which auth makes"
        for model in ("Authorization", "NewSession", "RegistrationRequest")
    },
}


def models() -> Iterator[type[BaseModel]]:
    for module in pkgutil.iter_modules(contracts.__path__):
        found = importlib.import_module(f"{contracts.__name__}.{module.name}")
        for value in vars(found).values():
            is_model = isinstance(value, type) and issubclass(value, Model)
            if is_model and value.__module__ == found.__name__:
                yield value


def strings_in(annotation: Any, rules: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of each string in an annotation, what is annotated."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        yield from strings_in(inner, (*rules, *metadata))
    elif annotation in (str, Any):
        yield rules
    elif get_origin(annotation) is not Literal:
        for each in get_args(annotation):
            yield from strings_in(each)


def has_rule(annotations: tuple[Any, ...]) -> bool:
    return LINE_RULE in annotations or PROSE_RULE in annotations


def is_fixed(annotations: tuple[Any, ...]) -> bool:
    """Whether it is an id, or has a pattern."""
    return ID_MARK in annotations or any(getattr(each, "pattern", None) for each in annotations)


FIELDS = [
    (model, name, strings)
    for model in models()
    for name, annotation in get_type_hints(model, include_extras=True).items()
    if name != "model_config" and (strings := list(strings_in(annotation)))
]
TEXT_FIELDS = [
    pytest.param(model, name, LINE_RULE in strings[0], id=f"{model.__name__}.{name}")
    for model, name, strings in FIELDS
    if all(map(has_rule, strings))
]


def test_every_text_field_has_a_rule() -> None:
    """A new `str` fails here: it is a `Line` or `Prose`, or has a reason to be neither."""
    without = [
        f"{model.__name__}.{name}"
        for model, name, strings in FIELDS
        if not all(has_rule(each) or is_fixed(each) for each in strings)
        and name not in NO_TEXT
        and (model.__name__, name) not in NO_TEXT_OF
    ]
    assert without == []


def test_every_exception_is_used() -> None:
    plain = {(model.__name__, name) for model, name, _ in FIELDS}
    assert not NO_TEXT_OF.keys() - plain
    assert not NO_TEXT.keys() - {name for _, name in plain}


@pytest.mark.parametrize(("model", "name", "is_line"), TEXT_FIELDS)
@given(text=TEXTS)
@settings(max_examples=25)
def test_the_rule_holds_for_every_text_field(
    model: type[BaseModel], name: str, is_line: bool, text: str
) -> None:
    field = model.model_fields[name]
    kind: Any = Annotated[field.annotation, *field.metadata]
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    cleaned: str = adapter.validate_python(text)
    assert_clean(cleaned, is_line=is_line)
    assert adapter.validate_python(cleaned) == cleaned


def assert_clean(text: str, *, is_line: bool) -> None:
    """What pages and clients may count on."""
    allowed = "" if is_line else "\n\t"
    assert not [c for c in text if category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in allowed]
    assert not [c for c in text if bidirectional(c) in TURNS or c in "\ufffe\uffff"]
    assert not re.search("[\u206a-\u206f]", text)
    if is_line:
        assert not set(text) & set(OPENS + CLOSES)
    for each in text.split("\n"):
        depth = 0
        for character in each:
            depth += (character in OPENS) - (character in CLOSES)
            assert 0 <= depth <= 16
        assert depth == 0


@given(st.text(st.sampled_from("ab \u05d0\u0627\u200e\u200f\u061c\u200c\u200d\ufe0f\U0001f469")))
def test_what_people_write_with_stays(text: str) -> None:
    """Marks, joiners and emoji, and isolates that are closed: people need them."""
    assert clean_line(text) == clean_prose(text) == text
    isolated = f"\u2067{text}\u2069 {text}\n\u2068\u2066{text}\u2069{text}\u2069"
    assert clean_prose(isolated) == isolated


def test_lines_and_prose_differ_in_breaks_and_isolates() -> None:
    typed = "a\r\nb\x00\u202ec\u2067d\u2028e\u2069\u2069"
    assert clean_line(typed) == "a b cd e"
    assert clean_prose(typed) == "a\nbc\u2067d\u2069\ne"


def test_cleaning_is_linear() -> None:
    began = thread_time()
    for piece in ("\u2066", "\u2069", "\u2066\u2069", "\r", "\u202e", "a\x00"):
        for clean in (clean_line, clean_prose):
            clean(piece * 100_000)
    assert thread_time() - began < 5

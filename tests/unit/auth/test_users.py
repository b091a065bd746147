from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.errors import InvalidFields
from services.auth.domain.users import RESERVED_USERNAMES, normalize_password, validate_registration


def faults(**changed: str | bool) -> dict[str, list[str]]:
    form = {
        "username": "ada",
        "email": "ada@example.org",
        "password": "analytical engine",
        **changed,
    }
    try:
        validate_registration(
            str(form["username"]),
            str(form["email"]),
            str(form["password"]),
            agreement=bool(form.get("agreement", True)),
        )
    except InvalidFields as refusal:
        found: dict[str, list[str]] = refusal.details["details"]
        return found
    return {}


@given(st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=30))
def test_a_username_has_letters_digits_and_underscores(username: str) -> None:
    assert bool(faults(username=username)) == (username.lower() in RESERVED_USERNAMES)


@given(st.text())
def test_other_characters_are_rejected_in_usernames(username: str) -> None:
    plain = username.isascii() and username.replace("_", "a").isalnum() and len(username) <= 30
    if not plain:
        assert "username" in faults(username=username)


@pytest.mark.parametrize("name", ["admin", "Admin", "ROOT", "api", "me"])
def test_reserved_usernames_are_rejected(name: str) -> None:
    assert faults(username=name) == {"username": ["is reserved"]}


@pytest.mark.parametrize(
    "name", ["ada\n", "\u0430da", "a" * 31, "a b", "a.b", "../a", "a||b", "", "é"]
)
def test_deceptive_usernames_are_rejected(name: str) -> None:
    assert faults(username=name).keys() == {"username"}


@pytest.mark.parametrize(
    "mail", ["a@b.co", " Ada@Example.ORG ", "a.b+c@x-y.example", "o'neil@sub.sub.example.org"]
)
def test_common_addresses_are_accepted(mail: str) -> None:
    assert faults(email=mail) == {}
    assert (
        validate_registration("ada", mail, "analytical", agreement=True).email
        == mail.strip().lower()
    )


@pytest.mark.parametrize(
    "mail",
    [
        "",
        "a",
        "a@",
        "@b.co",
        "a@b",
        "a@b..co",
        ".a@b.co",
        "a.@b.co",
        "a@b.co\nBcc: x@y.zz",
        "a b@c.de",
        "a@-b.co",
        "a@b.c",
        f"{'a' * 65}@b.co",
        f"a@{'b.' * 126}co",
        "a@b@c.de",
        "a@1.2",
    ],
)
def test_invalid_addresses_are_rejected(mail: str) -> None:
    assert faults(email=mail) == {"email": ["is not an e-mail address"]}


def test_a_password_is_long_enough_and_differs_from_name_and_address() -> None:
    assert "password" in faults(password="1234567")
    assert "password" in faults(password="x" * 257)
    assert "password" in faults(username="adalovelace", password="AdaLovelace")
    assert "password" in faults(password="ada@example.org")
    assert not faults(password="12345678")
    assert not faults(password="x" * 256)


def test_all_errors_are_reported_at_once() -> None:
    wrong = faults(username="a b", email="x", password="1", agreement=False)
    assert wrong.keys() == {"username", "email", "password", "agreement"}


@given(st.text(min_size=1))
def test_passwords_are_compared_in_normalized_form(text: str) -> None:
    assert normalize_password(normalize_password(text)) == normalize_password(text)
    assert normalize_password("é") == normalize_password("e\u0301")

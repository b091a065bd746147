"""Passwords that are easy to guess are refused, at a bounded price."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.adapters.password_strength import weakness

_HOSTILE = "4@8({[<369!1|70$5+2%"
"""Characters that stand for letters: zxcvbn tries all combinations of them."""


@pytest.mark.parametrize(
    "password",
    [
        "12345678",
        "password1",
        "Passw0rd!",
        "qwertyuiop",
        "aaaaaaaa",
        "iloveyou2",
        "ada12345",
        "lovelace1815",
        "microgram1",
        "drowssap",
        "1qaz2wsx",
        "2024-01-01",
        "1111111111111111111111111111",
    ],
)
def test_easy_passwords_are_refused_with_advice(password: str) -> None:
    said = weakness(password, "ada", "lovelace@example.org")
    assert said.startswith("is too easy to guess (")
    assert password not in said


@pytest.mark.parametrize(
    "password",
    [
        "analytical engine",
        "harbour-lantern-7",
        "correct horse battery staple",
        "xK9#mQ2v",
        "ünïcödé ☂",
    ],
)
def test_other_passwords_are_accepted(password: str) -> None:
    assert weakness(password, "ada", "ada@example.org") == ""


@given(st.text(min_size=8, max_size=256))
def test_no_text_breaks_the_check(password: str) -> None:
    assert isinstance(weakness(password, "ada", "ada@example.org"), str)


@pytest.mark.parametrize("length", [16, 72, 256])
def test_a_hostile_password_costs_a_bounded_time(length: int) -> None:
    chance = random.Random(7)  # noqa: S311 (the same on every run)
    worst = max(_cost("".join(chance.choice(_HOSTILE) for _ in range(length))) for _ in range(30))
    assert worst < 0.1  # seconds; 0.04 on an idle machine, and 2.5 for 64 characters without bound


def _cost(password: str) -> float:
    before = time.process_time()
    weakness(password, "ada", "ada@example.org")
    return time.process_time() - before

"""The rules of profiles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import Invalid
from services.chassis.ids import first_id_at
from services.shared.text import graphemes
from services.users.domain.profile_edits import ProfileEdit, apply_edit
from services.users.domain.profiles import UserProfileField, new_profile, tombstone

ANNA = new_profile("114906321984512345", "Anna_B")


def test_a_profile_is_created_at_the_time_of_its_id() -> None:
    made = new_profile(first_id_at(datetime(2025, 7, 24, 9, 12, 44, 120_000, UTC)), "x")
    assert made.created_at == "2025-07-24T09:12:44.120Z"


def test_only_given_fields_change() -> None:
    said = apply_edit(ANNA, ProfileEdit(display_name="Anna", note="Hi", locked=True))
    assert said == replace(ANNA, display_name="Anna", note="Hi", locked=True)
    assert apply_edit(said, ProfileEdit()) == said
    assert apply_edit(said, ProfileEdit(locked=False, note="")) == replace(
        said, locked=False, note=""
    )


@pytest.mark.parametrize(
    "changes",
    [
        ProfileEdit(display_name="x" * 31),
        ProfileEdit(note="x" * 501),
        ProfileEdit(note="x" * 477 + " https://example.org/"),
        ProfileEdit(fields=tuple(UserProfileField(str(n), "v") for n in range(5))),
        ProfileEdit(fields=(UserProfileField("x" * 256, "v"),)),
        ProfileEdit(fields=(UserProfileField("n", "x" * 256),)),
        ProfileEdit(avatar="../../etc/passwd"),
        ProfileEdit(avatar="a/b.png"),
        ProfileEdit(header=".hidden"),
        ProfileEdit(avatar="x" * 101),
        ProfileEdit(default_visibility="everybody"),
        ProfileEdit(default_language="klingon!"),
    ],
)
def test_invalid_edits_are_rejected(changes: ProfileEdit) -> None:
    with pytest.raises(Invalid):
        apply_edit(ANNA, changes)


@pytest.mark.parametrize(
    "changes",
    [
        ProfileEdit(display_name="x" * 30),
        ProfileEdit(note="é" * 500),
        ProfileEdit(note="x" * 476 + " https://example.org/" + "y" * 500),
        ProfileEdit(
            note="@anna@example.org " + "x" * 494, display_name="\U0001f1e9\U0001f1ea" * 30
        ),
        ProfileEdit(fields=tuple(UserProfileField(str(n), "x" * 255) for n in range(4))),
        ProfileEdit(avatar="9f2c4e-small.webp", header=""),
        ProfileEdit(default_visibility="private", default_language="pt-BR"),
    ],
)
def test_valid_edits_are_accepted(changes: ProfileEdit) -> None:
    apply_edit(ANNA, changes)


def test_control_characters_are_removed_and_bios_keep_line_breaks() -> None:
    said = apply_edit(
        ANNA, ProfileEdit(display_name=" A\n\x00na ", note="one\r\ntwo\x07 ", fields=())
    )
    assert said.display_name == "A na"
    assert said.note == "one\ntwo"


def test_empty_fields_are_removed() -> None:
    said = apply_edit(
        ANNA,
        ProfileEdit(
            fields=(
                UserProfileField("", " "),
                UserProfileField("Home", "x"),
                UserProfileField("", ""),
            )
        ),
    )
    assert said.fields == (UserProfileField("Home", "x"),)


@given(st.text(max_size=40))
def test_any_display_name_is_rejected_or_displayable(text: str) -> None:
    try:
        said = apply_edit(ANNA, ProfileEdit(display_name=text))
    except Invalid:
        return
    assert graphemes(said.display_name) <= 30
    assert "\n" not in said.display_name
    assert "\x00" not in said.display_name


def test_a_tombstone_is_blank() -> None:
    left = tombstone(ANNA.id)
    assert (left.username, left.display_name, left.note, left.deleted) == ("", "", "", True)

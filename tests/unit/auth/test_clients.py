from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.clients import (
    OAuthClient,
    redirect_uri_error,
    sha256_hex,
    validate_client,
)
from services.auth.domain.errors import InvalidClient, InvalidFields, InvalidRequest

OOB = "urn:ietf:wg:oauth:2.0:oob"


@pytest.mark.parametrize(
    "uri",
    [
        OOB,
        "https://example.org/cb?x=1",
        "http://localhost:1234/",
        "http://[::1]:80/cb",
        "myapp://",
        "myapp://oauth/cb",
        "com.example.app:/cb",
        "icecubesapp://",
        "web+app://x",
    ],
)
def test_redirect_uris_in_use_are_accepted(uri: str) -> None:
    assert redirect_uri_error(uri) == ""


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://x/1",
        "about:blank",
        "urn:ietf:wg:oauth:2.0:oob:auto",
        "urn:x",
        "",
        "/cb",
        "example.org",
        "//example.org",
        "https:",
        "https://",
        "https:example.org",
        "https:///x",
        "https://a b/",
        "https://example.org/#x",
        "https://example.org#",
        "myapp://#",
        "https://good.example@evil.example/",
        "https://example.org\\@evil.example/",
        "1app://x",
        "java\nscript:alert(1)",
        " javascript:x",
        "https://ex\u0430mple.org/",
        "https://x:99999/",
        "https://[::1/",
        "https://x;sandbox/",
        "https://x,default-src/",
        "https://x'self'/",
        "https://x%0a/",
        "myapp:",
        "https://" + "x" * 2000,
    ],
)
def test_dangerous_redirect_uris_are_rejected(uri: str) -> None:
    assert redirect_uri_error(uri)


@given(st.text())
def test_any_redirect_uri_is_checked_without_an_exception(uri: str) -> None:
    redirect_uri_error(uri)
    redirect_uri_error("https://" + uri)


def test_all_invalid_fields_of_an_app_are_reported() -> None:
    with pytest.raises(InvalidFields) as refusal:
        validate_client(" ", ["javascript:x"], "read nonsense", "ftp://x")
    wrong = refusal.value.details["details"]
    assert wrong.keys() == {"client_name", "redirect_uris", "scopes", "website"}


def test_scopes_that_are_never_granted_are_left_out() -> None:
    assert validate_client("app", [OOB], "read write admin crypto", "") == "read write"
    assert validate_client("app", [OOB], "", "https://example.org") == "read"


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "safe\u202egnp.exe", "\u3000"])
def test_names_with_control_characters_are_rejected(name: str) -> None:
    with pytest.raises(InvalidFields):
        validate_client(name, [OOB], "read", "")


def test_a_name_can_contain_emoji() -> None:
    validate_client("\N{MAN}\u200d\N{PERSONAL COMPUTER} café", [OOB], "read", "")


def test_a_client_authenticates_by_its_secret_and_redirects_match_exactly() -> None:
    client = OAuthClient(
        "1", "c", sha256_hex("s3cret"), "app", "", ["https://x.org/cb"], "read", ""
    )
    client.verify_secret("s3cret")
    for wrong in ("", "S3cret", "s3cret "):
        with pytest.raises(InvalidClient):
            client.verify_secret(wrong)
    client.check_redirect("https://x.org/cb")
    for wrong in ("", "https://x.org/cb/", "https://x.org/cb?a", "https://x.org/CB", OOB):
        with pytest.raises(InvalidRequest):
            client.check_redirect(wrong)


def test_redirect_uris_of_older_rules_are_not_used() -> None:
    kept = ["javascript:alert(1)", "https://x;sandbox/", "myapp://cb"]
    client = OAuthClient("1", "c", sha256_hex("s3cret"), "app", "", kept, "read", "")
    assert client.safe_redirect_uris == ["myapp://cb"]
    for unsafe in kept[:2]:
        with pytest.raises(InvalidRequest):
            client.check_redirect(unsafe)

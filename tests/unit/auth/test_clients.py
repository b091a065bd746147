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
def test_redirects_that_clients_use_are_taken(uri: str) -> None:
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
        "myapp:",
        "https://" + "x" * 2000,
    ],
)
def test_redirects_that_could_hurt_are_refused(uri: str) -> None:
    assert redirect_uri_error(uri)


@given(st.text())
def test_any_text_is_judged_without_a_crash(uri: str) -> None:
    redirect_uri_error(uri)
    redirect_uri_error("https://" + uri)


def test_an_app_hears_of_all_that_is_wrong_with_it() -> None:
    with pytest.raises(InvalidFields) as refusal:
        validate_client(" ", ["javascript:x"], "read nonsense", "ftp://x")
    wrong = refusal.value.details["details"]
    assert wrong.keys() == {"client_name", "redirect_uris", "scopes", "website"}


def test_scopes_that_are_never_given_are_left_out() -> None:
    assert validate_client("app", [OOB], "read write admin crypto", "") == "read write"
    assert validate_client("app", [OOB], "", "https://example.org") == "read"


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "safe\u202egnp.exe", "\u3000"])
def test_names_that_confuse_a_page_are_refused(name: str) -> None:
    with pytest.raises(InvalidFields):
        validate_client(name, [OOB], "read", "")


def test_emoji_are_a_name() -> None:
    validate_client("\N{MAN}\u200d\N{PERSONAL COMPUTER} café", [OOB], "read", "")


def test_a_client_proves_itself_by_its_secret_and_redirects_exactly() -> None:
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

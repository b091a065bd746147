"""Text becomes HTML that cannot hurt anybody."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from time import thread_time
from unicodedata import bidirectional, category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.urls import PublicUrls
from tests.mastodon import schemas

TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF")
ISOLATES = ("LRI", "RLI", "FSI", "PDI")
writer = HtmlWriter(PublicUrls("https://micro.example"))
ADA = {"ada": "Ada"}

NASTY = st.lists(
    st.sampled_from(
        [
            *("<script>", "</p>", "<!--", "]]>", '"', "'", "&", "&lt;", "&#60;", "<a href=x>"),
            *("https://", "https://x.example/", "http://a.example?b=<c>&d='e'", "javascript:"),
            *("#tag", "#", "@ada", "@ada@micro.example", "@", "\n", "\n\n", "\r", "\x00", " "),
            *("https://x.example/#tag", "#tag@ada", "(https://x.example)", "。", "ß", "ﬁ", "हिन्दी"),
            *(
                "\u202e",
                "\u2066",
                "\u200f",
                "\x9f",
                "\u2028",
                "\ufeff",
                "https://a.example/\u202emoc",
            ),
            *("JaVaScRiPt:alert(1)", "data:text/html,x", "https://x\\@y", "&NewLine;", "\ud83d"),
            *("<img src=x onerror=y>", 'https://a.example/" onclick="x', "@ada.", "\uff03tag"),
        ]
    )
    | st.text(max_size=5),
    max_size=30,
).map("".join)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(attrs))


def links_of(html: str) -> list[dict[str, str | None]]:
    reader = _Links()
    reader.feed(html)
    reader.close()
    return reader.links


def text_of(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return reader.text


@given(NASTY)
def test_text_is_escaped(typed: str) -> None:
    for html in (
        writer.paragraphs(typed, ADA),
        writer.paragraphs(typed, {}),
        writer.line(typed, ADA),
    ):
        schemas.html(html, "content")


@given(NASTY)
def test_links_are_http_and_nofollow(typed: str) -> None:
    for link in links_of(writer.paragraphs(typed, ADA) + writer.line(typed, {})):
        href = link["href"] or ""
        assert href.lower().startswith(("http://", "https://"))
        assert not set(href) & set('\u202e\u2066\ufeff <>"')
        if link.get("class") not in ("mention hashtag", "u-url mention"):
            assert link["rel"] == "nofollow noopener noreferrer"
            assert link["target"] == "_blank"
        else:
            assert href.startswith(("https://micro.example/tags/", "https://micro.example/@"))


@given(NASTY)
def test_control_and_bidi_characters_are_removed(typed: str) -> None:
    for html in (writer.paragraphs(typed, ADA), writer.line(typed, ADA)):
        wrong = [c for c in html if category(c) in ("Cc", "Cs") and c not in "\n\t"]
        assert not wrong
        assert not [c for c in html if bidirectional(c) in TURNS]
        for line in re.split("<br />|</p>", html):
            assert line.count("\u2066") == line.count("\u2069"), "an isolate ends with its line"


@pytest.mark.parametrize(
    "hostile",
    [
        *("@a." * 7_000, "@a@" * 7_000, "@a-" * 7_000, "#a" * 10_000, "#" * 20_000),
        *("https://" * 2_500, "https://a" + ")" * 20_000, "https://a" + "()" * 10_000),
        *("https://a/" + "." * 20_000, "\n" * 20_000, "<" * 20_000, "#" + "a" * 20_000),
        *("@" + "a" * 20_000 + "@", "@a@" + "." * 20_000, "\ufdfa" * 20_000, "#\u0301" * 9_000),
    ],
    ids=lambda text: f"{text[:12]!a}",
)
def test_rendering_is_linear_in_the_length_of_the_text(hostile: str) -> None:
    """Ten times what may be posted; a search that backtracks would take minutes."""
    began = thread_time()
    writer.paragraphs(hostile, {"a": "a"})
    assert thread_time() - began < 5


@given(NASTY)
def test_all_text_is_preserved(typed: str) -> None:
    def squeezed(text: str) -> str:
        kept = (
            c
            for c in text
            if not c.isspace()
            and category(c) not in ("Cc", "Cs")
            and bidirectional(c) not in (*TURNS, *ISOLATES)
            and c not in "\u206a\u206b\u206c\u206d\u206e\u206f\ufffe\uffff"
        )
        return "".join(kept).replace("@micro.example", "")  # what is local goes without it

    shown = text_of(writer.paragraphs(typed, {"ada": "ada"}))
    assert squeezed(shown) == squeezed(typed)


def test_paragraphs_and_lines_are_kept() -> None:
    assert writer.paragraphs("a\nb\r\n\r\n\n c", {}) == "<p>a<br />b</p><p> c</p>"
    assert writer.paragraphs("  \n", {}) == ""


@pytest.mark.parametrize(
    ("typed", "linked"),
    [
        ("see https://a.example/b.", "https://a.example/b"),
        ("(https://a.example/b)", "https://a.example/b"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ("https://a.example/Rubik's_Cube", "https://a.example/Rubik&#x27;s_Cube"),
        ("HTTP://a.example/?q=1&r=2!", "HTTP://a.example/?q=1&amp;r=2"),
    ],
)
def test_links_end_where_the_url_ends(typed: str, linked: str) -> None:
    wanted = f'<a href="{linked}" rel="nofollow noopener noreferrer" target="_blank">{linked}</a>'
    assert wanted in writer.paragraphs(typed, {})


def test_a_hashtag_has_the_markup_of_mastodon() -> None:
    html = writer.paragraphs("#Sea・ is not a#b, nor #1", {})
    link = '<a href="https://micro.example/tags/sea" class="mention hashtag" rel="tag">'
    assert html == f"<p>{link}#<span>Sea</span></a>・ is not a#b, nor #1</p>"


def test_only_mentioned_users_are_linked() -> None:
    html = writer.paragraphs("@ada @bob @ada@elsewhere.example a@ada", ADA)
    link = '<a href="https://micro.example/@Ada" class="u-url mention">@<span>Ada</span></a>'
    assert html == (f'<p><span class="h-card">{link}</span> @bob @ada@elsewhere.example a@ada</p>')


def test_a_hashtag_with_combining_marks_is_linked() -> None:
    assert "#<span>हिन्दी</span>" in writer.paragraphs("#हिन्दी", {})


def test_a_full_local_handle_is_linked_but_not_inside_a_link() -> None:
    html = writer.paragraphs("@ada@micro.example https://x.example/?by=@ada", ADA)
    assert html.count("u-url mention") == 1
    assert html.startswith('<p><span class="h-card"><a href="https://micro.example/@Ada"')
    assert writer.line("by @ada", ADA).count("u-url mention") == 1

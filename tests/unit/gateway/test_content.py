"""Text becomes HTML that cannot hurt anybody."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.content import Writer
from tests.mastodon import schemas

writer = Writer("https://micro.example")

NASTY = st.lists(
    st.sampled_from(
        [
            *("<script>", "</p>", "<!--", "]]>", '"', "'", "&", "&lt;", "&#60;", "<a href=x>"),
            *("https://", "https://x.example/", "http://a.example?b=<c>&d='e'", "javascript:"),
            *("#tag", "#", "@ada", "@ada@micro.example", "@", "\n", "\n\n", "\r", "\x00", " "),
            *("https://x.example/#tag", "#tag@ada", "(https://x.example)", "。", "ß", "ﬁ", "हिन्दी"),
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


def text_of(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return reader.text


@given(NASTY)
def test_nothing_that_is_typed_becomes_markup(typed: str) -> None:
    for html in (
        writer.post(typed, ["tag", "ß"], {"ada": "Ada"}),
        writer.note(typed),
        writer.line(typed),
    ):
        schemas.html(html, "content")


@given(NASTY)
def test_a_reader_sees_all_that_was_typed(typed: str) -> None:
    def squeezed(text: str) -> str:
        kept = (c for c in text if not c.isspace() and (c.isprintable() or ord(c) > 159))
        return "".join(kept).replace("@micro.example", "")  # what is local goes without it

    shown = text_of(writer.post(typed, ["tag"], {"ada": "ada"}))
    assert squeezed(shown) == squeezed(typed)


def test_paragraphs_and_lines_are_kept() -> None:
    assert writer.note("a\nb\r\n\r\n\n c") == "<p>a<br />b</p><p> c</p>"
    assert writer.note("  \n") == ""


@pytest.mark.parametrize(
    ("typed", "linked"),
    [
        ("see https://a.example/b.", "https://a.example/b"),
        ("(https://a.example/b)", "https://a.example/b"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ("HTTP://a.example/?q=1&r=2!", "HTTP://a.example/?q=1&amp;r=2"),
    ],
)
def test_links_end_where_the_address_ends(typed: str, linked: str) -> None:
    wanted = f'<a href="{linked}" rel="nofollow noopener noreferrer" target="_blank">{linked}</a>'
    assert wanted in writer.note(typed)


def test_a_hashtag_is_linked_as_clients_know_it() -> None:
    html = writer.post("#Sea is not #other, nor a#b, nor #1", ["sea"], {})
    link = '<a href="https://micro.example/tags/sea" class="mention hashtag" rel="tag">'
    assert html == f"<p>{link}#<span>Sea</span></a> is not #other, nor a#b, nor #1</p>"


def test_only_those_whom_a_post_mentions_are_linked() -> None:
    html = writer.post("@ada @bob @ada@elsewhere.example a@ada", [], {"ada": "Ada"})
    link = '<a href="https://micro.example/@Ada" class="u-url mention">@<span>Ada</span></a>'
    assert html == (f'<p><span class="h-card">{link}</span> @bob @ada@elsewhere.example a@ada</p>')


def test_a_hashtag_with_combining_marks_is_linked_whole() -> None:
    assert "#<span>हिन्दी</span>" in writer.post("#हिन्दी", ["हिन्दी"], {})

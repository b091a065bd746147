"""The links, mentions and hashtags of a text, and its length."""

from __future__ import annotations

from time import thread_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.contracts import limits
from services.shared.hashtags import SEPARATORS, normal_tag
from services.shared.text import (
    Entity,
    Hashtag,
    Link,
    MentionSpan,
    count,
    entities,
    graphemes,
    names_in,
    tags_in,
)

HERE = "127.0.0.1:8080"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
WORDS = st.from_regex(r"[a-zäöüß日本]{1,20}[0-9]{0,3}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,29}", fullmatch=True)
BETWEEN = st.sampled_from([" ", "\n", ", ", ". ", " (", ") ", " / ", "! ", "・", "、"])
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "@ben",
                "@ben@127.0.0.1:8080",
                "@ann@example.org",
                "#cat",
                "#東京・",
                "#foo・bar",
                "#",
            ),
            *("https://example.org/a?b=@ben", "https://x.example/#tag", "http://", "gemini://x/#a"),
            *("(", ")", "「", "」", "'", ".", ",", "/", "=", ":", " ", "\n", "さん", "é", FAMILY),
        ]
    )
    | st.text(max_size=5),
    max_size=30,
).map("".join)
PATHS = st.recursive(  # RFC 3986: everything permitted after the host, brackets in pairs; and IRIs
    st.text("abcXYZ019-._~!$&'*+,;=:@%日é/?#", max_size=10),
    lambda inner: st.lists(
        inner | inner.map(lambda text: f"({text})") | inner.map(lambda text: f"[{text}]")
    ).map("".join),
    max_leaves=5,
).map(lambda path: f"{path}x")


def urls_in(found: tuple[Entity, ...]) -> tuple[str, ...]:
    return tuple(one.url for one in found if isinstance(one, Link))


# ── hashtags ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#sunrise over #Harbour", ("sunrise", "harbour")),
        ("(#sunrise), #sunrise! #SUNRISE", ("sunrise",)),
        ("#2026 #no1 #1st #2024_11 #1·2", ("no1", "1st", "2024_11", "1·2")),
        ("#日本 #Straße #हिन्दी #café", ("日本", "straße", "हिन्दी", "café")),
        ("#\uff26ull \uff03wide", ("full", "wide")),
        ("a#b https://example.org/#top &#39; ?q=#x ##twice", ()),
        ("# #! #_ #__1 #1\ufe0f\u20e3 #·one", ()),
        ("#snake_case #kebab-case #end_", ("snake_case", "kebab", "end_")),
        ("#" + "a" * 100, ("a" * 100,)),
        ("#" + "a" * 101, ()),
        ("#東京・#大阪", ("東京", "大阪")),
        ("#cat· and #dog\u200c, #bird\u200d.", ("cat", "dog", "bird")),
        (
            "#foo・bar #one·two·three· #ぼっち・ざ・ろっく",
            ("foo・bar", "one·two·three", "ぼっち・ざ・ろっく"),
        ),
        ("#נר\u200cם #නක්\u200dෂත්\u200dර", ("נר\u200cם", "නක්\u200dෂත්\u200dර")),
        ("#日本https://example.org", ("日本",)),
        ("#co\u0140 #col\u00b7lega", ("col", "col·lega")),  # U+0140 is l and a middle dot
    ],
)
def test_hashtags(text: str, tags: tuple[str, ...]) -> None:
    assert tags_in(entities(text)) == tags


@given(st.lists(WORDS, max_size=30), BETWEEN)
def test_every_hashtag_between_other_text_is_found_once(words: list[str], between: str) -> None:
    text = "so" + "".join(f"{between}#{word}" for word in words) + between
    assert tags_in(entities(text)) == tuple(dict.fromkeys(normal_tag(word) for word in words))


@given(PIECES | st.text(max_size=300))
@example("#co\u0140")
def test_hashtags_of_any_text_are_in_normal_form(text: str) -> None:
    for tag in tags_in(entities(text)):
        assert 1 <= len(tag) <= limits.MAX_HASHTAG_CHARACTERS
        assert normal_tag(tag) == tag
        assert tags_in(entities(f"#{tag}")) == (tag,)
        assert tag[-1] not in SEPARATORS
        assert not tag.isdigit()


# ── mentions ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ann and @Bob, @ann!", ("ann", "bob")),
        ("(@ann) @bob. .@cid", ("ann", "bob", "cid")),
        ("ann@example.org @ann@example.org https://example.org/@ann", ()),
        ("@ @! @@ann =@ann /@ann x@ann @ann@ben@example.org", ()),
        ("@ann.Really @a_b @ann.b@example.org", ("ann", "a_b")),
        ("@annさん @bené @benöt", ("ann",)),
        ("hello @ben@127.0.0.1:8080 ! @BEN@127.0.0.1:8080.", ("ben",)),
        ("@ben@127.0.0.1 @ben@127.0.0.1:80801 @ben@x.127.0.0.1:8080 @ben@127.0.0.2:8080", ()),
        ("@gina between us: https://example.org/search?author=@ben", ("gina",)),
        ("https://example.org/a,@ben https://example.org/'@ben' gemini://x/a,@ben", ()),
        ("https://example.org/" + "x" * 5_000 + ",@ben", ()),
    ],
)
def test_mentions(text: str, names: tuple[str, ...]) -> None:
    assert names_in(entities(text), HERE) == names


@given(st.lists(NAMES, max_size=50), BETWEEN)
def test_every_mention_between_other_text_is_found_once(names: list[str], between: str) -> None:
    for suffix in ("", f"@{HERE}"):
        text = "so" + "".join(f"{between}@{name}{suffix}" for name in names) + between
        assert names_in(entities(text), HERE) == tuple(dict.fromkeys(names))


@given(
    NAMES, st.from_regex(r"([a-z][a-z0-9-]{0,9}\.){1,3}[a-z]{2,5}(:[1-9]\d{0,3})?", fullmatch=True)
)
def test_a_full_handle_belongs_to_its_own_host_only(name: str, host: str) -> None:
    found = entities(f"so @{name}@{host.upper()} it is")
    assert names_in(found, host) == (name,)
    assert names_in(found, HERE) == names_in(found, f"x{host}") == ()


# ── links ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (
            "https://en.wikipedia.org/wiki/Rubik's_Cube",
            "https://en.wikipedia.org/wiki/Rubik's_Cube",
        ),
        (
            "(https://en.wikipedia.org/wiki/Example_(disambiguation)#History).",
            "https://en.wikipedia.org/wiki/Example_(disambiguation)#History",
        ),
        ("see https://a.example/b.", "https://a.example/b"),
        ("'https://a.example/b', he said", "https://a.example/b"),
        ("“https://a.example/b”", "https://a.example/b"),
        ("(https://a.example/b_(c)), and", "https://a.example/b_(c)"),
        ("https://a.example/b?c[]=1&d=2#e", "https://a.example/b?c[]=1&d=2#e"),
        ("HTTP://A.example/?q=1&r=2!", "HTTP://A.example/?q=1&r=2"),
        ("「https://a.example/」を見て", "https://a.example/"),
        ("\uff08https://a.example/b\uff09。", "https://a.example/b"),
        ("見てhttps://a.example/日本語。", "https://a.example/日本語"),
        ("https://a.exampleを見て", "https://a.example"),
        ("https://a.example, and", "https://a.example"),
        ("https://a.example's page", "https://a.example"),
        ("http://[::1]:8080/@ben", "http://[::1]:8080/@ben"),
        ("http://127.0.0.1:8080/@ben/1", "http://127.0.0.1:8080/@ben/1"),
        ("https://ann:x@a.example:443/", "https://ann:x@a.example:443/"),
        ("https://bücher.example/ä", "https://bücher.example/ä"),
        ("https://उदाहरण.परीक्षा/अ", "https://उदाहरण.परीक्षा/अ"),
        ("https://a.example/\u202emoc", "https://a.example/"),
        ("https://a.example/" + "x" * 5_000, "https://a.example/" + "x" * 5_000),
    ],
)
def test_a_link_is_the_whole_url(text: str, url: str) -> None:
    assert urls_in(entities(text)) == (url,)


@pytest.mark.parametrize(
    "text", ["https://", "https://#tag", "https://...", "xhttps://a.example", "a://b"]
)
def test_urls_without_a_host_or_of_another_scheme_are_no_links(text: str) -> None:
    assert entities(text) == ()


@given(PATHS)
def test_any_url_is_found_whole(path: str) -> None:
    url = f"https://example.org/{path}"
    for text in (url, f"see {url}.", f"({url})", f"'{url}'!", f"{url}\n@ben"):
        assert urls_in(entities(text)) == (url,)


# ── spans ───────────────────────────────────────────────────────────────────────────────────


@given(PIECES)
def test_entities_are_in_order_and_never_overlap(text: str) -> None:
    done = 0
    for one in entities(text):
        assert done <= one.start < one.end <= len(text)
        done = one.end


@given(PIECES)
def test_entities_match_their_text(text: str) -> None:
    for one in entities(text):
        typed = text[one.start : one.end]
        if isinstance(one, Link):
            assert typed == one.url
            assert one.url.lower().startswith(("http://", "https://"))
        elif isinstance(one, MentionSpan):
            assert typed == f"@{one.name}" + (f"@{one.host}" if one.host else "")
        else:
            assert typed[0] in "#\uff03"
            assert normal_tag(typed[1:]) == one.name


@given(PIECES, PATHS)
def test_nothing_in_a_link_is_a_mention_or_a_hashtag(text: str, path: str) -> None:
    """A text with a link has the entities of the text without it, and the link."""
    between = f"\n{text}\n"
    link, *others = entities(f"https://example.org/{path}{between}")
    assert isinstance(link, Link)
    assert [type(one) for one in others] == [type(one) for one in entities(between)]


# ── counting ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("", 0),
        ("hello", 5),
        (FAMILY * 324, 324),
        ("e\u0301 \U0001f1e9\U0001f1ea 1\ufe0f\u20e3 क्षि", 7),
        ("https://a.example", 23),
        ("https://a.example/" + "x" * 2_000 + ".", 24),
        ("@ben@127.0.0.1:8080 @ann@example.org @cid", 14),
        ("#cat gemini://x", 15),
    ],
)
def test_characters_are_counted_as_clients_count_them(text: str, characters: int) -> None:
    assert count(text) == characters


@given(PIECES, PIECES, PATHS)
def test_a_count_is_the_same_with_any_other_link(before: str, after: str, path: str) -> None:
    with_one, with_other = (
        f"{before}\nhttps://{url}\n{after}" for url in ("a.example", "b.example/" + "x" * len(path))
    )
    assert count(with_one) == count(with_other)


@given(PIECES)
def test_a_count_is_never_more_than_the_characters_and_what_links_add(text: str) -> None:
    links = sum(isinstance(one, Link) for one in entities(text))
    assert count(text) <= graphemes(text) + limits.LINK_CHARACTERS * links
    assert graphemes(text) <= len(text)


# ── time ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "hostile",
    [
        *(
            "@a.",
            "@a@",
            "@a-",
            "#a",
            "#",
            "https://",
            "()",
            "\n",
            "\ufdfa",
            "#\u0301",
            "a",
            "a.",
            "·",
        ),
        *(
            "x://! ",
            "https://a:",
            "@a@a.",
            "#a · ",
            "(",
            "https://a ",
            "@a ",
            FAMILY,
            "a\u0301\u0316",
        ),
        *("https", "@a@a-", "https://a/(", "https://a)", "「", "@[", "@a@[:", "\U0001f1e9", "#a·"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("start", ["", "#a", "@a@", "https://a/", "https://"])
def test_no_text_takes_more_than_a_moment(start: str, hostile: str) -> None:
    """Texts of the greatest accepted size, `limits.MAX_TEXT_CODE_POINTS`."""
    text = (start + hostile * limits.MAX_TEXT_CODE_POINTS)[: limits.MAX_TEXT_CODE_POINTS]
    took = []
    for _ in range(3):  # the machine may be busy
        began = thread_time()
        count(text, entities(text))
        took.append(thread_time() - began)
    assert min(took) < 0.05


def test_every_kind_is_an_entity() -> None:
    assert [type(one) for one in entities("@a #b https://c.example")] == [
        MentionSpan,
        Hashtag,
        Link,
    ]

"""A person's browser, as far as forms go: open a page, fill in what it asks, press the button."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests


@dataclass
class HtmlForm:
    """One form: where it goes, what it carries already, and the names of its fields by type."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def asks_for(self, kind: str) -> str | None:
        """The name of the first field of a type, such as `password`."""
        return next((name for name, type_ in self.types.items() if type_ == kind), None)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self.codes: list[str] = []
        self.words: list[str] = []
        self._open: HtmlForm | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = HtmlForm(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._open)
        elif tag in ("input", "button") and self._open is not None:
            self._field(self._open, tag, given)
        if tag == "input" and "readonly" in given:
            self.codes.append(given.get("value", ""))

    def _field(self, form: HtmlForm, tag: str, given: Mapping[str, str]) -> None:
        name, kind = (
            given.get("name", ""),
            given.get("type", "text" if tag == "input" else "submit"),
        )
        if kind == "submit":
            form.buttons.append((name, given.get("value", "")))
        elif name:
            form.types.setdefault(name, kind)
            if kind != "checkbox" or "checked" in given:
                form.values[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


@dataclass(frozen=True)
class BrowserPage:
    """A page as it was read.

    `codes` are what its read-only fields hold, for people to copy; `redirect` is where it would
    send the browser outside of the site.
    """

    url: str
    status: int
    html: str
    forms: list[HtmlForm]
    codes: list[str]
    text: str
    redirect: str = ""


class WebBrowser:
    """Keeps cookies, follows redirects within the site, and submits forms."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.headers["Accept"] = "text/html"

    def __enter__(self) -> WebBrowser:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def open(self, url: str) -> BrowserPage:
        """Get a page."""
        return self._read(self.session.get(urljoin(self.base, url), allow_redirects=False))

    def submit(self, page: BrowserPage, form: HtmlForm, values: Mapping[str, str]) -> BrowserPage:
        """Send a form with some of its fields filled in, by its first button."""
        data = form.values | dict(values)
        data |= {name: value for name, value in form.buttons[:1] if name}
        url = urljoin(page.url, form.action)
        if form.method == "get":
            return self._read(self.session.get(url, params=data, allow_redirects=False))
        headers = {"Origin": self.base, "Referer": page.url}
        reply = self.session.post(url, data=data, headers=headers, allow_redirects=False)
        return self._read(reply)

    def _read(self, reply: requests.Response) -> BrowserPage:
        for _ in range(5):
            if not reply.is_redirect:
                break
            target = urljoin(reply.url, reply.headers["Location"])
            if urlsplit(target).netloc != urlsplit(self.base).netloc:
                return BrowserPage(reply.url, reply.status_code, "", [], [], "", redirect=target)
            reply = self.session.get(target, allow_redirects=False)
        reader = _Reader()
        reader.feed(reply.text)
        text = " ".join(reader.words)
        return BrowserPage(
            reply.url, reply.status_code, reply.text, reader.forms, reader.codes, text
        )

    def log_in(self, url: str, login: str, password: str) -> str:
        """Log in on an authorization page, and return the code that it shows or redirects to.

        Raises AssertionError with the words of the page that gave none.
        """
        page = self.try_log_in(url, login, password)
        code = code_of(page)
        assert code, f"{page.url} answered {page.status} and no code: {page.text[:500]}"
        return code

    def try_log_in(self, url: str, login: str, password: str) -> BrowserPage:
        """Fill in the login form on an authorization page, and say yes if asked for consent."""
        page = self.open(url)
        for _ in range(3):
            if code_of(page) or not page.forms:
                return page
            form = next((f for f in page.forms if f.asks_for("password")), page.forms[0])
            filled = {}
            if secret := form.asks_for("password"):
                name = form.asks_for("email") or form.asks_for("text")
                assert name, f"the login form asks for no name: {form.types}"
                filled = {name: login, secret: password}
            page = self.submit(page, form, filled)
            if filled and any(f.asks_for("password") for f in page.forms):
                return page
        return page


def code_of(page: BrowserPage) -> str:
    """The authorization code that a page shows or redirects to, or nothing."""
    if page.redirect:
        return parse_qs(urlsplit(page.redirect).query).get("code", [""])[0]
    return page.codes[0] if page.codes else ""

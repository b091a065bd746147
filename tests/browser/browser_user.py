"""A person with a browser."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.system import System
from tests.system.users import PASSWORD

DEADLINE = 30_000  # milliseconds, until something that is on its way is seen
expect.set_options(timeout=DEADLINE)


class BrowserUser:
    """One page of a browser context, and what the console says of it."""

    def __init__(self, system: System, context: BrowserContext) -> None:
        self.system = system
        self.context = context
        self.username = ""
        self.faults: list[str] = []
        self.expected: list[re.Pattern[str]] = []
        self.page = self.new_page()

    def new_page(self) -> Page:
        """Another tab."""
        page = self.context.new_page()
        page.set_default_timeout(DEADLINE)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._fault(f"{page.url}: {error}"))
        return page

    def expects(self, pattern: str) -> None:
        """Let the console say something, such as the status of a request that has to fail."""
        self.expected.append(re.compile(pattern))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._fault(f"{message.page.url if message.page else ''}: {message.text}")

    def _fault(self, text: str) -> None:
        if not any(pattern.search(text) for pattern in self.expected):
            self.faults.append(text)

    def sign_up(self, word: str) -> BrowserUser:
        """Register, and be logged in."""
        self.username = self.system.unique_name(word)
        page = self.page
        page.goto("/auth/sign_up")
        page.get_by_label("Username").fill(self.username)
        page.get_by_label("E-mail address").fill(f"{self.username}@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("I agree").check()
        page.get_by_role("button", name="Sign up").click()
        expect(page.get_by_role("heading", name=f"Welcome, @{self.username}")).to_be_visible()
        return self

    def log_in(self, username: str) -> BrowserUser:
        """Log in on the page that is open."""
        self.username = username
        self.page.get_by_label("Username or e-mail address").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        return self

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A request of the API with the cookie of this person."""
        answer = self.context.request.fetch(
            path, method=method, data=body, headers={"origin": self.system.base}
        )
        assert answer.ok, f"{method} {path}: {answer.status} {answer.text()}"
        return answer.json()

    def post(self, text: str, **fields: Any) -> Any:
        """Make a post by the API."""
        return self.api("POST", "/api/v1/statuses", {"status": text, **fields})

    def follow(self, other: BrowserUser) -> str:
        """Follow somebody by the API. Gives their id."""
        found = self.api("GET", f"/api/v1/accounts/lookup?acct={other.username}")
        self.api("POST", f"/api/v1/accounts/{found['id']}/follow")
        return str(found["id"])

    def open_home_with(self, *texts: str, by: BrowserUser) -> list[Any]:
        """Follow somebody who posts some texts, and open the home page that shows these posts."""
        self.follow(by)
        posts = [by.post(text) for text in texts]
        self.page.goto("/")
        self.see_after_reload(texts)
        return posts

    def see(self, *texts: str) -> None:
        """Wait until the page shows some texts."""
        for text in texts:
            expect(self.page.get_by_text(text).first).to_be_visible()

    def see_after_reload(self, texts: Iterable[str]) -> None:
        """Load the page again until it shows some texts that are on their way."""
        for text in texts:
            expect(_reloading(self.page, text)).to_be_visible()


def _reloading(page: Page, text: str) -> Any:
    found = page.get_by_text(text).first
    for _ in range(60):
        if found.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    return found

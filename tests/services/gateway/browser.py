"""A browser without scripts: it keeps cookies, and says from which page it sends a form."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

from tests.fakes import Response
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment

HOST = "127.0.0.1:8080"
ORIGIN = f"http://{HOST}"


class FormBrowser:
    """Requests of one person's browser."""

    def __init__(self, deployment: GatewayDeployment) -> None:
        self.deployment = deployment
        self.cookies: dict[str, str] = {}
        self.page = "/"

    async def get(self, path: str) -> Response:
        """Open a page."""
        self.page = path
        return await self._ask("GET", path)

    async def send(self, path: str, **form: str) -> Response:
        """Send a form of the page that is open."""
        return await self._ask("POST", path, form=form)

    async def api(self, method: str, path: str, **content: Any) -> Response:
        """A script's request."""
        return await self._ask(method, path, **content)

    async def sign_up(self, username: str) -> FormBrowser:
        """Register, which logs in too."""
        email = f"{username}@example.org"
        form = {"username": username, "email": email, "password": PASSWORD, "agreement": "1"}
        answer = await self.send("/auth/sign_up", **form)
        assert answer.status == 303, answer.text
        await self.deployment.cluster.settle()
        return self

    async def _ask(self, method: str, path: str, **content: Any) -> Response:
        headers = {
            "accept": "text/html",
            "host": HOST,
            "referer": ORIGIN + self.page,
            "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            **({"origin": ORIGIN} if method != "GET" else {}),
            **content.pop("headers", {}),
        }
        answer = await self.deployment.ask(method, path, headers=headers, **content)
        for name, morsel in SimpleCookie(answer.headers.get("set-cookie", "")).items():
            self.cookies[name] = morsel.value
            if morsel["max-age"] == "0":
                del self.cookies[name]
        return answer

"""A fake sidecar: state, broker, secrets and blobs are fakes, calls go to ASGI apps.

It refuses topics and secrets that `access` does not name for its app, by default the access file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from multidict import CIMultiDict
from starlette.types import ASGIApp

from services.chassis import telemetry
from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.state import StateEntry, StateUpsert
from services.chassis.dapr.transport import InvocationResponse, service_error
from services.chassis.errors import Forbidden, NotFound, OutcomeUnknown, Unavailable
from services.chassis.security.access_rules import ServiceAccess, read_access
from tests.fakes import asgi
from tests.fakes.broker import AnyEvent, BrokerConnection, FakeBroker
from tests.fakes.faults import Call, Faults
from tests.fakes.state import FakeState

APP_TOKEN = "the-token-of-every-app"
"""The token of sidecars towards apps, APP_API_TOKEN."""


class FakeNetwork:
    """The applications of each app-id; replicas alternate."""

    def __init__(self) -> None:
        self._apps: dict[str, list[ASGIApp]] = {}

    def __contains__(self, app: ASGIApp) -> bool:
        return any(app in apps for apps in self._apps.values())

    def add(self, app_id: str, app: ASGIApp) -> None:
        self._apps.setdefault(app_id, []).append(app)

    def remove(self, app_id: str, app: ASGIApp) -> None:
        self._apps[app_id].remove(app)

    def pick(self, app_id: str) -> ASGIApp:
        """Return an application; raises `Unavailable` if there is none."""
        apps = self._apps.get(app_id)
        if not apps:
            raise Unavailable(f"couldn't find service: {app_id}")
        apps.append(apps.pop(0))
        return apps[-1]


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that was sent through the fake binding `mail`."""

    to: str
    subject: str
    html: str


class FakeSidecar(DaprClient):
    """Implements `DaprClient` in this process."""

    pauses = (0.0, 0.0)

    def __init__(
        self,
        app_id: str = "test",
        *,
        state: FakeState | None = None,
        broker: FakeBroker | BrokerConnection | None = None,
        network: FakeNetwork | None = None,
        secrets: Mapping[str, str] | None = None,
        blobs: dict[str, bytes] | None = None,
        mails: list[SentMail] | None = None,
        access: ServiceAccess | None = None,
    ) -> None:
        super().__init__(0)
        self.app_id = app_id
        self._access = access or read_access().get(app_id)
        self.state = state or FakeState()
        self.broker: FakeBroker | BrokerConnection = broker or FakeBroker()
        self.network = network or FakeNetwork()
        self.secrets = {} if secrets is None else secrets
        self.blobs = {} if blobs is None else blobs
        self.mails = [] if mails is None else mails
        self.faults = Faults()
        """The faults of invocations, secrets and blobs; state and broker have their own."""

    async def __aenter__(self) -> FakeSidecar:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    def kill(self) -> None:
        """Let the service beside this sidecar be dead: its calls never return."""
        self.faults.kill()
        self.state.faults.kill()
        self.broker.faults.kill()

    def release(self) -> None:
        """End the pending calls of the dead process."""
        self.faults.release()
        self.state.faults.release()
        self.broker.faults.release()

    async def is_ready(self) -> bool:
        return not self.faults.dead.is_set()

    # ── state and publishing ────────────────────────────────────────────────────────────────

    async def get(self, key: str) -> StateEntry:
        return await self.state.get(key)

    async def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        return await self.state.get_many(keys)

    async def compare_and_set(
        self, key: str, value: Any, *, etag: str, ttl: int | None = None
    ) -> None:
        await self.state.compare_and_set(key, value, etag=etag, ttl=ttl)

    async def set(self, key: str, value: Any, *, ttl: int | None = None) -> None:
        await self.state.set(key, value, ttl=ttl)

    async def transact(self, writes: Sequence[StateUpsert]) -> None:
        await self.state.transact(writes)

    async def delete(self, key: str) -> None:
        await self.state.delete(key)

    async def can_create_in_transactions(self) -> bool:
        return await self.state.can_create_in_transactions()

    async def publish(self, topic: str, events: Sequence[AnyEvent]) -> None:
        if self._access and topic not in self._access.publishes:
            raise Forbidden(f"topic {topic} is not allowed for app id {self.app_id}")
        await self.broker.publish(topic, events)

    # ── mail ────────────────────────────────────────────────────────────────────────────────

    async def send_mail(self, to: str, subject: str, html: str) -> None:
        call = Call("send_mail", (to, subject))
        await self.faults.around(call, lambda: self.mails.append(SentMail(to, subject, html)))

    # ── secrets and blobs ───────────────────────────────────────────────────────────────────

    async def secret(self, name: str) -> str:
        def find() -> str:
            if self._access and name not in self._access.secrets:
                raise Forbidden(f"access denied by policy to get {name} from secretstore")
            if name not in self.secrets:
                raise NotFound(f'The secret store has no secret "{name}".')
            return self.secrets[name]

        return await self.faults.around(Call("secret", (name,)), find)

    async def put_blob(self, name: str, data: bytes) -> None:
        await self.faults.around(
            Call("put_blob", (name,)), lambda: self.blobs.__setitem__(name, data)
        )

    async def get_blob(self, name: str) -> bytes:
        def find() -> bytes:
            if name not in self.blobs:
                raise NotFound(f'There is no blob "{name}".')
            return self.blobs[name]

        return await self.faults.around(Call("get_blob", (name,)), find)

    async def delete_blob(self, name: str) -> None:
        await self.faults.around(Call("delete_blob", (name,)), lambda: self.blobs.pop(name, None))

    # ── invocation: `invoke` itself is the real one ─────────────────────────────────────────

    async def _call(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationResponse:
        app_id, _, target = path.removeprefix("/invoke/").partition("/method/")
        call = Call("invoke", (app_id, f"{app_id}/{unquote(target)}"))
        app = await self.faults.around(call, lambda: self.network.pick(app_id))
        sent = CIMultiDict({**telemetry.outgoing_headers(), **(headers or {})})
        sent["dapr-api-token"] = APP_TOKEN
        if app_id != self.app_id:  # as daprd: beside a forged one, and none for a call of itself
            sent.add("dapr-caller-app-id", self.app_id)
        try:
            response = await asgi.call(
                app, method, target, headers=sent, params=params, data=data, deadline=deadline
            )
        except TimeoutError as error:
            raise OutcomeUnknown(f"No answer to {method} {path} within {deadline} s.") from error
        if response.status >= 400:
            raise service_error(response.status, response.body, f"{method} {path}")
        return InvocationResponse(response.status, response.body, response.headers)

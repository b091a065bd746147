"""Kills a service at a chosen point, has it choke on an event, or hear late, when a test says so.

Python imports this module at its start when the folder is on PYTHONPATH, so that production code
needs no hooks. A test writes a trap, a file in MICROGRAM_TRAPS named `APP.POINT`: its first line
is what the key or the topic must begin with, its second how many more to let pass. The process
that runs into it takes it away and dies by SIGKILL; one at `choke` stays until the test takes it.
MICROGRAM_LATE is the number of seconds by which all events are late at most: each by some of them.
"""

from __future__ import annotations

import asyncio
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_FOLDER = os.environ.get("MICROGRAM_TRAPS", "")
_APP = os.environ.get("APP_ID", "")
_LATE = float(os.environ.get("MICROGRAM_LATE", "0"))
_passed: Counter[str] = Counter()


def _is_set(point: str, subject: str) -> Path | None:
    trap = Path(_FOLDER, f"{_APP}.{point}")
    try:
        prefix, _, let_pass = trap.read_text().partition("\n")
    except FileNotFoundError:
        return None
    if not subject.startswith(prefix):
        return None
    _passed[point] += 1
    return trap if _passed[point] > int(let_pass or 0) else None


def _strike(point: str, subject: str) -> None:
    trap = _is_set(point, subject)
    if trap is None:
        return
    try:
        trap.rename(trap.with_suffix(f"{trap.suffix}.sprung"))
    except FileNotFoundError:  # somebody else ran into it
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _sidecar(module: ModuleType) -> None:
    """Traps around what is written (a key), published (a topic), and asked (a path's last word)."""
    for method, point in (("compare_and_set", "commit"), ("publish", "publish")):
        setattr(module.DaprClient, method, _between(getattr(module.DaprClient, method), point))
    invoke = module.DaprClient.invoke

    async def invoking(self: Any, app: str, path: str, **given: Any) -> Any:
        verb = path.rpartition("/")[2]
        _strike("before-invoke", verb)
        reply = await invoke(self, app, path, **given)
        _strike("after-invoke", verb)
        return reply

    module.DaprClient.invoke = invoking


def _between(call: Any, point: str) -> Any:
    async def calling(self: Any, subject: str, *args: Any, **kwargs: Any) -> Any:
        _strike(f"before-{point}", subject)
        result = await call(self, subject, *args, **kwargs)
        _strike(f"after-{point}", subject)
        return result

    return calling


def _inbox(module: ModuleType) -> None:
    """Traps around what is heard, and a pause before it."""
    subscribe, receive = module.Inbox.subscribe, module.Inbox.receive

    def subscribing(self: Any, topic: str, producer: str, handle: Any) -> None:
        async def late(event: Any) -> None:
            await asyncio.sleep(random.uniform(0, _LATE))  # noqa: S311 (in another order each time)
            await handle(event)

        subscribe(self, topic, producer, late)

    async def receiving(self: Any, topic: str, *args: Any, **kwargs: Any) -> Any:
        if _is_set("choke", topic):
            raise module.PoisonMessage("a test had it choke")
        _strike("before-effect", topic)
        result = await receive(self, topic, *args, **kwargs)
        _strike("after-effect", topic)
        return result

    module.Inbox.receive = receiving
    if _LATE:
        module.Inbox.subscribe = subscribing


_PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "services.chassis.dapr.client": _sidecar,
    "services.chassis.consuming.inbox": _inbox,
}


class _Finder(importlib.abc.MetaPathFinder):
    """Patches a module as soon as the service itself imports it."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        patch = _PATCHES.pop(fullname, None)
        spec = importlib.util.find_spec(fullname) if patch else None
        if patch is None or spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            patch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if _APP and (_FOLDER or _LATE):
    sys.meta_path.insert(0, _Finder())

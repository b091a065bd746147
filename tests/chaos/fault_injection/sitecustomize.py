"""Injects faults into a service: death at a chosen point, failing events, delayed events.

Python imports this module at startup when its folder is on PYTHONPATH, so production code needs
no hooks. The fork server imports it too, and each service is forked with the patched modules. A
test arms a fault point with a file in MICROGRAM_FAULT_POINTS named `APP.POINT`. The first line is a
prefix of the key or topic, the second the number of matches to skip. The process that reaches the
point removes the file and dies by SIGKILL. The file of the point `fail` stays until the test
removes it. MICROGRAM_EVENT_DELAY is the maximum random delay of every event, in seconds.
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

_FOLDER = os.environ.get("MICROGRAM_FAULT_POINTS", "")
_EVENT_DELAY = float(os.environ.get("MICROGRAM_EVENT_DELAY", "0"))
_seen: Counter[str] = Counter()


def _is_armed(point: str, subject: str) -> Path | None:
    fault_point = Path(_FOLDER, f"{os.environ.get('APP_ID')}.{point}")
    try:
        prefix, _, skip = fault_point.read_text().partition("\n")
    except FileNotFoundError:
        return None
    if not subject.startswith(prefix):
        return None
    _seen[point] += 1
    return fault_point if _seen[point] > int(skip or 0) else None


def _die_if_armed(point: str, subject: str) -> None:
    fault_point = _is_armed(point, subject)
    if fault_point is None:
        return
    try:
        fault_point.rename(fault_point.with_suffix(f"{fault_point.suffix}.triggered"))
    except FileNotFoundError:  # another process reached it first
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _patch_client(module: ModuleType) -> None:
    """Add fault points around writes (key), publishes (topic) and calls (last word of the path).

    A call of several requests is each of them.
    """
    for method, point in (("compare_and_set", "commit"), ("publish", "publish")):
        setattr(module.DaprClient, method, _wrap(getattr(module.DaprClient, method), point))
    transact, invoke = module.DaprClient.transact, module.DaprClient.invoke

    async def transact_with_faults(self: Any, writes: Any) -> None:
        for write in writes:
            _die_if_armed("before-commit", write.key)
        await transact(self, writes)
        for write in writes:
            _die_if_armed("after-commit", write.key)

    module.DaprClient.transact = transact_with_faults

    async def invoke_with_faults(self: Any, app: str, path: str, **given: Any) -> Any:
        parts = given["json"]["questions"] if path == "bundles" else [{"path": path}]
        verbs = [part["path"].rpartition("/")[2] for part in parts]
        for verb in verbs:
            _die_if_armed("before-invoke", verb)
        reply = await invoke(self, app, path, **given)
        for verb in verbs:
            _die_if_armed("after-invoke", verb)
        return reply

    module.DaprClient.invoke = invoke_with_faults


def _wrap(call: Any, point: str) -> Any:
    async def call_with_faults(self: Any, subject: str, *args: Any, **kwargs: Any) -> Any:
        _die_if_armed(f"before-{point}", subject)
        result = await call(self, subject, *args, **kwargs)
        _die_if_armed(f"after-{point}", subject)
        return result

    return call_with_faults


def _patch_inbox(module: ModuleType) -> None:
    """Add fault points around the effect of events, failing events, and a delay before them."""
    subscribe, handle_all = module.Inbox.subscribe, module.Inbox._handle_all
    handle = module.handling.handle

    def delayed_subscribe(self: Any, event_type: Any, handler: Any) -> Any:
        async def delayed(event: Any) -> None:
            await asyncio.sleep(random.uniform(0, _EVENT_DELAY))  # noqa: S311 (in another order each time)
            await handler(event)

        return subscribe(self, event_type, delayed)

    async def handle_with_faults(topic: str, *arguments: Any) -> None:
        if _is_armed("fail", topic):
            raise module.PoisonMessage("failed by a test")
        await handle(topic, *arguments)

    async def handle_all_with_faults(self: Any, subscription: Any, bodies: Any) -> Any:
        _die_if_armed("before-effect", subscription.topic)
        failures = await handle_all(self, subscription, bodies)
        _die_if_armed("after-effect", subscription.topic)
        return failures

    module.handling.handle = handle_with_faults
    module.Inbox._handle_all = handle_all_with_faults
    if _EVENT_DELAY:
        module.Inbox.subscribe = delayed_subscribe


_PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "services.chassis.dapr.client": _patch_client,
    "services.chassis.consuming.inbox": _patch_inbox,
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


if _FOLDER or _EVENT_DELAY:
    sys.meta_path.insert(0, _Finder())

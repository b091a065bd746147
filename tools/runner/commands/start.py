"""The verbs that start and stop a system: up, down, infra."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import IO, Any

from tools.runner.backup.migration import require_current
from tools.runner.config.components import load_set
from tools.runner.config.manifest import read_manifest
from tools.runner.config.paths import MARKER, REPO, RunDir, write_private
from tools.runner.config.start_plan import StartPlan
from tools.runner.config.topology import read_topology
from tools.runner.errors import RunnerError
from tools.runner.infra import component_types, monitoring, toolchain
from tools.runner.infra.guests import with_guests
from tools.runner.infra.servers import needed_servers
from tools.runner.output.logs import Echo
from tools.runner.output.tables import print_report
from tools.runner.output.terminal import Terminal
from tools.runner.supervisor import control
from tools.runner.supervisor.lock import RunLock, runner_pid, stop_runner
from tools.runner.supervisor.orphans import stop_orphans
from tools.runner.supervisor.supervisor import Supervisor


def up(plan: StartPlan, watch: bool = False, quiet: bool = False) -> int:
    """Start the system, follow its logs, and stop it on Ctrl-C or SIGTERM."""
    os.environ.pop(MARKER, None)
    prepare(plan)
    os.umask(0o077)  # also of all that is started: databases and logs are for their owner only
    plan.run.create()
    lock = RunLock(plan.run)
    if not lock.acquire():
        raise RunnerError(f"another runner (pid {runner_pid(plan.run)}) uses {plan.run.path}")
    try:
        _require_data(plan)  # a restore or migration may have ended since
        stop_orphans(plan.run)
        return asyncio.run(_run(plan, watch, None if quiet else Terminal().echo))
    finally:
        plan.run.state.unlink(missing_ok=True)
        stop_orphans(plan.run)
        lock.release()


def _require_data(plan: StartPlan) -> None:
    """Refuse data that is incomplete, or that a migration has left."""
    if plan.run.unfinished_restore.exists():
        raise RunnerError(
            f"a restore into {plan.run.path} was interrupted, so its data is incomplete: run the "
            "same `restore` again"
        )
    require_current(plan.components or read_topology(plan.rules()).default_set, plan.run)


def prepare(plan: StartPlan) -> None:
    """Build missing tools and refuse invalid plans before anything is started."""
    _require_not_running(plan)
    _require_data(plan)
    topology = read_topology(plan.rules())
    everything = with_guests(read_manifest(plan.manifest), plan.guests)  # its progress is seen here
    chosen_set = plan.components or topology.default_set
    apps = plan.select_apps(everything)
    documents = load_set(chosen_set, everything[0].resources)
    # nats-server first: it needs few modules, so its build begins while others are downloaded
    tools = ["nats-server"] if "nats" in needed_servers(documents) else []
    if apps:
        plan.require_rules(apps)
        tools.append(component_types.choose_daprd(chosen_set, documents))
        tools += ["sentry"] if plan.mtls else []
    tools += topology.control_plane(app.app_id for app in plan.served_apps(everything))
    toolchain.require_tools(tools)
    if plan.observe:
        monitoring.require_programs()
    for line in toolchain.describe_installed(tools):
        print(line)


def _require_not_running(plan: StartPlan) -> None:
    pid = runner_pid(plan.run)
    if pid is None:
        return
    if not plan.run.read_state().get("infra_only"):
        raise RunnerError(
            f"the system is already running (pid {pid}, {plan.run.path}): "
            "see `ps`, stop it with `down`, or use another --run-dir and --port"
        )
    stop_runner(plan.run)


async def _run(plan: StartPlan, watch: bool, echo: Echo | None) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    system = Supervisor(plan, echo)
    path = control.socket_path(plan.run)
    try:
        async with control.serve_control_socket(system, path):
            if not await _started(system, stop):
                return 130
            system.on_replicas_changed = partial(_write_state, system, path)
            print_report(_write_state(system, path))
            sys.stdout.flush()
            await _until(stop, system, watch)
        return 0
    finally:
        began = time.monotonic()
        await system.stop()
        print(f"stopped after {time.monotonic() - began:.1f} s")


async def _started(system: Supervisor, stop: asyncio.Event) -> bool:
    """Start the system; return whether it was ready before a stop was requested."""
    starting = asyncio.create_task(system.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return False
    starting.result()
    return True


def _write_state(system: Supervisor, path: Path) -> dict[str, Any]:
    """Write the state for other commands, and return it."""
    state = system.internal_state() | {"control": str(path), "runner_pid": os.getpid()}
    write_private(system.plan.run.state, json.dumps(state, indent=2))
    return state


async def _until(stop: asyncio.Event, system: Supervisor, watch: bool) -> None:
    if not watch:
        await stop.wait()
        return
    from tools.runner.supervisor.reload import reload_on_change

    await reload_on_change(system, stop)


def up_detached(plan: StartPlan, arguments: list[str]) -> int:
    """Start the system in the background, and return when it is ready or has failed."""
    prepare(plan)
    os.umask(0o077)
    plan.run.create()
    plan.run.state.unlink(missing_ok=True)
    log = plan.run.logs / "runner.out"
    with log.open("w") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "tools.runner", "--run-dir", str(plan.run.path), *arguments],
            cwd=REPO,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with log.open() as said:
            return _relay_output(plan.run, child, said)
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise


def _relay_output(run: RunDir, child: subprocess.Popen[bytes], said: IO[str]) -> int:
    """Print the output of a background start until it is ready or has failed."""
    while child.poll() is None:
        printed, state = said.read(), run.read_state()
        if state.get("runner_pid") == child.pid:  # the runner prints the report only after this
            print_report(state)
            return 0
        print(printed, file=sys.stderr, end="", flush=True)
        time.sleep(0.05)
    print(said.read(), file=sys.stderr, end="")
    return child.returncode or 1


def down(run: RunDir) -> int:
    """Stop the runner and all processes that carry its mark."""
    began = time.monotonic()
    was_running = stop_runner(run)
    count = stop_orphans(run)
    run.state.unlink(missing_ok=True)
    (run.path / "control.sock").unlink(missing_ok=True)
    if was_running or count:
        print(f"stopped after {time.monotonic() - began:.1f} s")
    else:
        print("nothing was running")
    return 0

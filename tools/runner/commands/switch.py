"""The verb `switch`: moves a running system to the broker of another component set."""

from typing import Any

from tools.runner.config.components import load_set
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError
from tools.runner.infra import toolchain
from tools.runner.infra.servers import needed_servers
from tools.runner.supervisor import control


def switch(run: RunDir, set_name: str) -> int:
    """Move one service after another, and print each."""
    if "nats" in needed_servers(load_set(set_name)):
        toolchain.require_tools(["nats-server"])
    services = _ask(run, {"verb": "switch-begin", "name": set_name})["moved"]
    try:
        for number, app in enumerate(services, 1):
            print(f"{number} of {len(services)}: {app}", flush=True)
            _ask(run, {"verb": "switch-move", "name": set_name, "app": app})
        _ask(run, {"verb": "switch-finish", "name": set_name})
    except RunnerError as error:
        raise RunnerError(
            f"{error}\nBoth brokers run, and nothing is lost: run the switch again, or switch back"
        ) from None
    print(
        f"all services use the broker of {set_name}: start with --components {set_name} next time"
    )
    return 0


def _ask(run: RunDir, order: dict[str, Any]) -> dict[str, Any]:
    answer = control.send_command(run, order, control.LONG_TIMEOUT)
    if answer is None:
        raise RunnerError("nothing is running: start it with ./tye-like-run.sh")
    return answer

"""The servers behind the component sets that the compose project knows, and their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tools.compose.limits import SERVER, SERVER_USER, Document, checked_by, confined
from tools.runner.infra import redis

_RABBITMQ_CONF = """\
listeners.tcp.1 = 0.0.0.0:5672
load_definitions = /run/secrets/definitions.json
log.console = true
log.console.level = warning
log.file = false
# The default would stop publishers on a small machine.
disk_free_limit.absolute = 200MB
# Above it publishers wait. The rest of the container's memory is for the file cache and peaks.
vm_memory_high_watermark.absolute = 460MB
"""

_REDIS_CONF = f"""\
bind 0.0.0.0
port 6379
# The password.
include /run/secrets/redis.conf
dir /data
maxmemory 500mb
{redis.DURABLE}"""

FILES = {"rabbitmq": {"rabbitmq.conf": _RABBITMQ_CONF, "enabled_plugins": "[].\n"}}
FILES["redis"] = {"redis.conf": _REDIS_CONF}
"""The files of settings of each server."""

ADDRESSES = {"rabbitmq": "rabbitmq:5672", "redis": "redis:6379"}


def _rabbitmq() -> Document:
    environment = {
        "RABBITMQ_NODENAME": "rabbit@localhost",
        "RABBITMQ_CONFIG_FILE": "/etc/microgram/rabbitmq.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": "/etc/microgram/enabled_plugins",
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_LOG_BASE": "/var/lib/rabbitmq/log",  # of an upgrade
        # Only the port of AMQP is open to others.
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    return {
        "image": "${RABBITMQ_IMAGE:-rabbitmq:4.1}",
        "command": ["rabbitmq-server"],
        "environment": environment,
        "volumes": [
            *(f"./compose/{name}:/etc/microgram/{name}:ro" for name in FILES["rabbitmq"]),
            "rabbitmq:/var/lib/rabbitmq",
        ],
        "secrets": [{"source": "rabbitmq.json", "target": "definitions.json"}],
        **confined(SERVER, SERVER_USER),
        "stop_grace_period": "30s",
        # Starting Erlang to ask it would cost a second of a processor each time.
        "healthcheck": checked_by("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/5672"),
        "networks": ["inside"],
    }


def _redis() -> Document:
    ask = "REDISCLI_AUTH=$$(cut -d' ' -f2 /run/secrets/redis.conf) redis-cli ping | grep -q PONG"
    return {
        "image": "${REDIS_IMAGE:-redis:7.4}",
        "command": ["redis-server", "/etc/microgram/redis.conf"],
        "volumes": ["./compose/redis.conf:/etc/microgram/redis.conf:ro", "redis:/data"],
        "secrets": [{"source": "redis.conf", "target": "redis.conf"}],
        **confined(SERVER, SERVER_USER),
        "stop_grace_period": "30s",
        "healthcheck": checked_by("sh", "-c", ask),
        "networks": ["inside"],
    }


SERVERS: Mapping[str, Callable[[], Document]] = {"rabbitmq": _rabbitmq, "redis": _redis}
"""The containers of the servers, by their name in tools/runner/infra/servers.py."""

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.runner.infra import ports


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_ports_are_distinct_free_and_not_ephemeral() -> None:
    chosen = list(itertools.islice(ports.free_ports(), 50))
    assert len(set(chosen)) == 50
    assert all(ports.is_free(port) for port in chosen)
    assert all(20_000 <= port < 32_000 for port in chosen)


def test_a_port_of_another_runner_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = 10_000 + os.getpid() % 9_000  # where no runner chooses, nor another run of this test
    three = range(first, first + 3)
    monkeypatch.setattr(ports, "_RANGE", three)
    program = (
        "from tools.runner.infra import ports\n"
        f"ports._RANGE = {three!r}\n"
        "given = ports.free_ports()\n"
        "print(next(given), next(given), flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        taken = {int(port) for port in other.stdout.readline().split()}
        assert len(taken) == 2
        assert next(ports.free_ports()) in set(three) - taken
        other.communicate("\n")
    assert set(itertools.islice(ports.free_ports(), 3)) == set(three)


def test_a_free_port_is_claimed() -> None:
    port = next(ports.free_ports())
    assert ports.require_free(port) == port


def test_a_taken_port_names_its_owner(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert not ports.is_free(port)
    with pytest.raises(RunnerError, match=rf"port {port} is taken by .*pid \d+"):
        ports.require_free(port)


def test_a_port_taken_on_every_address_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))  # noqa: S104
        server.listen()
        assert not ports.is_free(server.getsockname()[1])

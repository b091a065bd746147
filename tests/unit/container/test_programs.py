"""The programs that start, run and check what is in a container."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tools.container import entry, sidecar
from tools.container.health import is_healthy, main

REPO = Path(__file__).parents[3]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def base() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_healthy_is_what_answers_well(base: str) -> None:
    assert is_healthy(f"{base}/well")
    assert not is_healthy(f"{base}/ill")
    assert main([f"{base}/well"]) == 0
    assert main([f"{base}/well", f"{base}/ill"]) == 1


def test_nobody_there_is_not_healthy() -> None:
    assert not is_healthy("http://127.0.0.1:9/well")


def test_the_command_has_the_secrets_in_its_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "environ", {"KEPT": "1"})
    monkeypatch.setattr(entry, "SECRETS", tmp_path / "environment.json")
    entry.SECRETS.write_text(json.dumps({"APP_API_TOKEN": "given"}))
    seen: list[object] = []
    monkeypatch.setattr(os, "execvp", lambda *given: seen.extend(given))
    entry.main(["program", "--option"])
    assert seen == ["program", ["program", "--option"]]
    assert os.environ == {"KEPT": "1", "APP_API_TOKEN": "given"}


BROKEN = [
    '{"msg":"[INIT_COMPONENT_FAILURE]: initialization error occurred for nr (sqlite/v1): locked"}',
    '{"msg":"rabbitmq pub/sub: unexpected command received"}',
    '{"msg":"rabbitmq pub/sub: connected with connectionCount=2"}',
    '{"msg":"rabbitmq pub/sub: connected with connectionCount=10"}',
]
WELL = '{"msg":"rabbitmq pub/sub: connected with connectionCount=1"}'


@pytest.mark.parametrize("line", BROKEN)
def test_a_sidecar_that_works_no_more_is_ended(line: str) -> None:
    program = f"import time; print({line!r}, flush=True); time.sleep(600)"
    done = run_sidecar(program)
    assert done.returncode == 256 - 9
    assert line in done.stdout


def test_a_sidecar_that_works_keeps_its_output_and_exit_code() -> None:
    done = run_sidecar(f"print({WELL!r}); raise SystemExit(3)")
    assert (done.returncode, done.stdout.strip()) == (3, WELL)


def run_sidecar(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, sidecar.__file__, sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_signal_reaches_the_sidecar() -> None:
    program = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7));"
        "print('ready', flush=True); signal.pause()"
    )
    command = [sys.executable, sidecar.__file__, sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(60) == 7

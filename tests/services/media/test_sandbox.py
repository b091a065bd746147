"""A decoder that was taken over reaches nothing, and each rule is what stops it."""

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.media.adapters import image_workers, worker_process
from services.media.adapters.image_workers import ImageWorkerPool
from services.media.pictures import PictureError, Processed, sandbox
from services.media.pictures.processing import process
from tests.services.media.hostile_worker import START
from tests.services.media.test_image_workers import alive, descendants, refusal, until
from tests.unit.media.test_pictures import ODD, WHOLE, encoded, scene

HOSTILE_WORKER = str(Path(__file__).with_name("hostile_worker.py"))
SECRET = b"a secret of the service, which no picture may see"

pytestmark = pytest.mark.skipif(
    bool(sandbox.missing()), reason=f"this kernel has no {' and no '.join(sandbox.missing())}"
)


def hostile(*without: str, **options: Any) -> ImageWorkerPool:
    """Image workers of which a decoder was taken over, with some rules of the sandbox left out."""
    command = (sys.executable, HOSTILE_WORKER, *without)
    return ImageWorkerPool(**{"workers": 1, "seconds": 10.0, **options}, command=command)


async def attempt(pool: ImageWorkerPool, deed: str, **arguments: Any) -> Any:
    """Return what a deed returned, or the error that stopped it as `denied: …`."""
    picture = START + json.dumps({"deed": deed, **arguments}).encode()
    answer = json.loads((await pool.process(picture)).original.body.removeprefix(START))
    return f"denied: {answer['denied']}" if "denied" in answer else answer["result"]


STOPPED_BY = {
    "read_file": {"landlock", "seccomp", "limits"},
    "make_file": {"landlock", "seccomp"},
    "connect": {"landlock", "seccomp", "limits"},
    "connect_to_path": {"seccomp", "limits"},
    "send_datagram": {"seccomp", "limits"},
    "start_program": {"landlock", "seccomp"},
    "fork": {"seccomp"},
    "fork_as_nobody": {"seccomp", "limits"},
    "map_executable": {"seccomp"},
    "make_executable": {"seccomp"},
    "signal_process": {"landlock", "seccomp"},
    "read_memory": {"landlock", "seccomp"},
    "take_descriptor": {"landlock", "seccomp", "limits"},
    "allocate": {"limits"},
}
"""Each deed, and the rules of which any one stops it."""


@contextmanager
def victims(folder: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """Give the arguments of each deed: a file, servers, and memory of this process."""
    (folder / "secrets.json").write_bytes(SECRET)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as local,
    ):
        udp.bind(("127.0.0.1", 0))
        local.bind(str(folder / "socket"))
        local.listen()
        memory = ctypes.create_string_buffer(SECRET)
        yield {
            "read_file": {"path": str(folder / "secrets.json")},
            "make_file": {"path": str(folder / "made")},
            "connect": {"port": tcp.getsockname()[1]},
            "connect_to_path": {"path": str(folder / "socket")},
            "send_datagram": {"port": udp.getsockname()[1]},
            "signal_process": {"pid": os.getpid()},
            "read_memory": {
                "pid": os.getpid(),
                "address": ctypes.addressof(memory),
                "length": len(SECRET),
            },
            "take_descriptor": {"pid": os.getpid(), "number": tcp.fileno()},
            "allocate": {"size": 2 << 30},
        }


@pytest.mark.parametrize(
    "without",
    [
        (),
        ("landlock",),
        ("seccomp",),
        ("seccomp", "limits"),
        ("landlock", "limits"),
        ("landlock", "seccomp"),
        ("landlock", "seccomp", "limits"),
    ],
    ids=lambda without: f"without {' '.join(without) or 'nothing'}",
)
async def test_each_deed_is_stopped_by_its_rules_and_succeeds_without_them(
    without: tuple[str, ...], tmp_path: Path
) -> None:
    stopped = set()
    with victims(tmp_path) as arguments:
        async with hostile(*without) as pool:
            for deed in STOPPED_BY:
                try:
                    result = await attempt(pool, deed, **arguments.get(deed, {}))
                except PictureError as error:  # a program that starts does not answer
                    result = "denied" if error.code == "out_of_memory" else error.code
                if str(result).startswith("denied"):
                    stopped.add(deed)
                elif deed in ("read_file", "read_memory"):
                    assert result == SECRET.decode()
    assert stopped == {deed for deed, rules in STOPPED_BY.items() if rules - set(without)}


async def test_a_process_has_its_own_socket_and_no_other_descriptor() -> None:
    async with hostile("seccomp") as pool:
        assert await attempt(pool, "list_descriptors") == [0]
    async with hostile("seccomp", "descriptors") as pool:
        assert len(await attempt(pool, "list_descriptors")) > 2  # the worker's, and its log


async def test_descriptor_0_has_no_other_picture() -> None:
    async with hostile() as pool:
        reads = [attempt(pool, "read_descriptor", number=0) for _ in range(4)]
        assert await asyncio.gather(*reads) == [""] * 4


async def test_no_process_answers_for_another_picture() -> None:
    for without in ((), ("landlock", "seccomp", "limits")):
        async with hostile(*without, workers=2) as pool:
            victim = asyncio.create_task(attempt(pool, "say_nothing"))
            await until(lambda: any(map(has_one_descriptor, children_of_workers())))
            (process,) = children_of_workers()
            result = await attempt(pool, "answer_for", pid=process.pid)
            process.send_signal(signal.SIGUSR1)
            if without:
                assert (result, await victim) == (None, "forged")
            else:
                assert result.startswith("denied")
                assert (await refusal(victim)).code == "broken"


def children_of_workers() -> list[psutil.Process]:
    me = os.getpid()
    return [each for each in descendants(me) if each.ppid() != me]


def has_one_descriptor(process: psutil.Process) -> bool:
    """Whether the process of a picture has left what it inherited."""
    return process.num_fds() == 1


async def test_no_earlier_picture_is_in_the_memory_of_a_process() -> None:
    marker = "marker of an earlier picture "
    async with hostile("landlock", "seccomp", "limits") as pool:
        for size in (100, 100_000, 3_000_000):
            await attempt(pool, "compute", seconds=0.0, padding=marker * (size // len(marker)))
        assert await attempt(pool, "find_in_memory", reversed_text=marker[::-1]) == 0
        own = await attempt(pool, "find_in_memory", reversed_text=marker[::-1], padding=marker)
        assert own > 0


async def test_nothing_that_a_process_started_outlives_its_job(tmp_path: Path) -> None:
    name = f"--mark={tmp_path}"
    async with hostile(name) as pool:
        assert (await attempt(pool, "fork_twice")).startswith("denied")
    for kept, outlives in ((("seccomp", name), False), (("seccomp", "orphans", name), True)):
        async with hostile(*kept) as pool:
            assert await attempt(pool, "fork_twice") is None
            left = [each for each in marked(name) if each.ppid() != os.getpid()]
            assert bool(left) == outlives
            for each in left:
                each.kill()


def marked(name: str) -> list[psutil.Process]:
    return [
        each for each in psutil.process_iter(["cmdline"]) if name in (each.info["cmdline"] or ())
    ]


async def test_a_worker_that_gives_up_a_picture_ends_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "_STOP_TIMEOUT", 60.0)
    name = f"--mark={tmp_path}"
    async with hostile("seccomp", name) as pool:
        work = asyncio.create_task(attempt(pool, "fork_twice", stay=60.0))
        await until(lambda: len(marked(name)) == 3)  # the worker, the child, and what it left
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert marked(name) == []


async def test_a_process_that_computes_forever_is_ended_by_the_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for without, patience, same in (((), 60.0, True), (("limits",), 0.5, False)):
        monkeypatch.setattr(image_workers, "_REPORT_TIMEOUT", patience)
        async with hostile(*without, seconds=1.0) as pool:
            worker = descendants(os.getpid())[0].pid
            assert (await refusal(attempt(pool, "compute", seconds=60.0))).code == "timed_out"
            assert alive(worker) == same  # without limits, the service gives up and stops it


async def test_a_process_that_stops_its_alarm_is_ended_by_its_processor_time() -> None:
    async with hostile("seccomp", seconds=1.0) as pool:
        refused = await refusal(attempt(pool, "compute_without_alarm", seconds=60.0))
        assert refused.code == "timed_out"


async def test_a_process_cannot_end_its_worker() -> None:
    async with hostile() as pool:
        assert (await attempt(pool, "signal_worker")).startswith("denied")
    async with hostile("seccomp", "landlock") as pool:
        assert (await refusal(attempt(pool, "signal_worker"))).code == "busy"


async def test_no_new_privileges_are_gained() -> None:
    async with hostile("seccomp") as pool:
        assert await attempt(pool, "no_new_privileges") == 1


async def test_every_picture_is_processed_as_without_a_sandbox() -> None:
    pictures = [*ODD.values(), *WHOLE.values(), encoded(scene(300, 200), "HEIF"), WHOLE["PNG"][:99]]
    async with ImageWorkerPool() as pool:
        for data in pictures:
            assert await outcome(pool.process(data)) == await outcome(
                asyncio.to_thread(process, data)
            )


async def outcome(result: Awaitable[Processed]) -> object:
    try:
        return await result
    except PictureError as error:
        return error.code, error.message


async def test_a_missing_protection_is_logged_once_at_start(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    async with hostile():
        assert caplog.messages == []
    old = tmp_path / "old_kernel.py"
    old.write_text(
        "from services.media.pictures import landlock, seccomp\n"
        "landlock.version, seccomp.is_available = (lambda: 0), (lambda: False)\n"
        "from services.media.pictures.__main__ import main\n"
        "main()\n"
    )
    async with ImageWorkerPool(command=(sys.executable, str(old))) as pool:
        assert await pool.process(WHOLE["JPEG"])
    assert caplog.messages == [
        "pictures are decoded with less protection: the kernel lacks Landlock and seccomp"
    ]

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from PIL import Image

from services.media.adapters.image_workers import ImageWorkerPool
from services.media.pictures import Kind, PictureError
from services.media.pictures.processing import process
from tests.services.media.faulty_worker import BLURHASH

ROOT = Path(__file__).resolve().parents[3]
FAULTY_WORKER = (sys.executable, str(Path(__file__).with_name("faulty_worker.py")))


def job(what: str, log: Path | None = None) -> bytes:
    return b"\xff\xd8\xff" + what.encode() + (f" > {log}".encode() if log else b"")


def jpeg(width: int = 600, height: int = 300) -> bytes:
    body = BytesIO()
    Image.new("RGB", (width, height), "teal").save(body, "JPEG")
    return body.getvalue()


async def refusal(answer: Awaitable[object]) -> PictureError:
    with pytest.raises(PictureError) as caught:
        await answer
    return caught.value


async def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 (what it waits for happens in other processes)
            await asyncio.sleep(0.01)


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


async def test_workers_return_what_processing_returns() -> None:
    async with ImageWorkerPool(workers=1) as pool:
        assert await pool.process(jpeg()) == process(jpeg())
        sizes: dict[Kind, tuple[int, int]] = {"avatar": (400, 400), "header": (600, 200)}
        for kind, size in sizes.items():
            made = (await pool.process(jpeg(), kind)).original
            assert (made.width, made.height) == size


async def test_workers_return_the_errors_of_processing() -> None:
    async with ImageWorkerPool(workers=1) as pool:
        assert (await refusal(pool.process(b"<html>"))).code == "unsupported"
        assert (await refusal(pool.process(jpeg()[:-200]))).code == "broken"


async def test_a_picture_beyond_the_memory_limit_is_refused_and_the_next_one_is_processed() -> None:
    async with ImageWorkerPool(workers=1, memory_bytes=160 << 20) as pool:
        error = await refusal(pool.process(large_png()))
        assert error.code == "out_of_memory"
        assert await pool.process(jpeg())


def large_png() -> bytes:
    body = BytesIO()
    Image.new("RGB", (6000, 6000), "teal").save(body, "PNG", compress_level=1)
    return body.getvalue()


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("sleep", "timed_out"),
        ("spin", "timed_out"),
        ("memory", "out_of_memory"),
        ("segfault", "broken"),
        ("say nothing", "broken"),
        ("bug", "broken"),
        ("kill the worker", "busy"),
    ],
)
async def test_a_bad_picture_ends_only_its_own_child(
    monkeypatch: pytest.MonkeyPatch, what: str, code: str
) -> None:
    async with ImageWorkerPool(workers=1, seconds=0.4, command=FAULTY_WORKER) as pool:
        error = await refusal(pool.process(job(what)))
        assert error.code == code
        assert error.message.endswith(".")
        monkeypatch.setitem(pool._limits, "seconds", 60.0)
        assert (await pool.process(job("fine"))).blurhash == BLURHASH


async def test_a_child_that_ignores_its_limits_is_ended_with_its_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.media.adapters.image_workers._REPORT_TIMEOUT", 0.2)
    async with ImageWorkerPool(workers=1, seconds=0.2, command=FAULTY_WORKER) as pool:
        assert (await refusal(pool.process(job("ignore the alarm")))).code == "timed_out"
        monkeypatch.setitem(pool._limits, "seconds", 60.0)  # another worker has to start
        assert await pool.process(job("fine"))


async def test_no_more_pictures_are_processed_at_once_than_there_are_workers(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    async with ImageWorkerPool(workers=2, queue=4, command=FAULTY_WORKER) as pool:
        work = [asyncio.create_task(pool.process(job("nap", log))) for _ in range(6)]
        most = 0
        while not all(each.done() for each in work):
            most = max(most, len(log_of(log, "start")) - len(log_of(log, "end")))
            await asyncio.sleep(0.005)
        await asyncio.gather(*work)
    assert most == 2
    assert len(log_of(log, "end")) == 6


def log_of(log: Path, event: str) -> list[Path]:
    return list(log.parent.glob(f"{log.name}.{event}.*"))


async def test_beyond_the_queue_pictures_are_refused_at_once() -> None:
    async with ImageWorkerPool(workers=1, queue=1, command=FAULTY_WORKER) as pool:
        answers = await asyncio.gather(
            *(pool.process(job("nap")) for _ in range(4)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, PictureError)]
        assert [(error.code, error.status) for error in refused] == [("busy", 503)] * 2
        assert await pool.process(job("fine"))


def waited_for_processor() -> float:
    """Seconds in which this thread could run, and the kernel ran something else."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


async def longest_turn(work: asyncio.Task[object]) -> float:
    """The most seconds that one turn of the event loop took until some work was done."""
    longest = 0.0
    while not work.done():
        before = time.perf_counter() - waited_for_processor()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - waited_for_processor() - before)
    return longest


async def test_the_event_loop_is_not_blocked_by_a_picture() -> None:
    took: list[float] = []
    async with ImageWorkerPool(workers=1) as pool:
        while len(took) < 3 and min(took, default=1.0) >= 0.05:  # the machine may be busy
            work = asyncio.create_task(pool.process(jpeg(4000, 3000)))
            took.append(await longest_turn(work))
            assert await work
    assert min(took) < 0.05


async def test_the_processing_of_a_cancelled_picture_stops(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with ImageWorkerPool(workers=1, command=FAULTY_WORKER) as pool:
        work = asyncio.create_task(pool.process(job("sleep", log)))
        child = await started(log)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await until(lambda: not alive(child))
        assert await pool.process(job("fine"))


async def started(log: Path) -> int:
    await until(lambda: bool(log_of(log, "start")))
    return int(log_of(log, "start")[0].suffix[1:])


async def test_closing_leaves_no_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    before = descendants(os.getpid())
    async with ImageWorkerPool(workers=2, command=FAULTY_WORKER) as pool:
        work = asyncio.create_task(pool.process(job("sleep", log)))
        child = await started(log)
    assert (await refusal(work)).code == "busy"
    await until(lambda: not alive(child))
    assert descendants(os.getpid()) == before
    assert (await refusal(pool.process(job("fine")))).code == "busy"


PARENT = """
import asyncio, sys
from services.media.adapters.image_workers import ImageWorkerPool
async def main():
    async with ImageWorkerPool(workers=2, command=(sys.executable, sys.argv[1])) as pool:
        await pool.process(b"\\xff\\xd8\\xffsleep > " + sys.argv[2].encode())
asyncio.run(main())
"""


async def test_no_child_survives_a_killed_parent(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", PARENT, FAULTY_WORKER[1], str(log), cwd=ROOT
    )
    await started(log)
    family = descendants(parent.pid)
    assert len(family) == 3  # two workers, one of them with a picture
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await until(lambda: not any(alive(one.pid) for one in family))


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_worker_that_cannot_start_raises() -> None:
    with pytest.raises(OSError, match="ended before it was ready"):
        await ImageWorkerPool(workers=1, command=(sys.executable, "-c", "")).start()

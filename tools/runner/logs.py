"""Log files: one stable name per process, rotated by size, and followed on the terminal."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

MAX_BYTES = 10_000_000
BACKUPS = 3
_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_SHOWN = 2_000
"""Characters of one line that the terminal is shown; the file has them all."""

Echo = Callable[[str, bytes], None]


class LogFile:
    """A file that chunks are appended to; rotated between lines, however long these are."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._file = path.open("ab", buffering=0)
        self._size = path.stat().st_size

    def write(self, chunk: bytes) -> None:
        """Append a chunk; rotate after its last line break if the file has grown too long."""
        if self._size + len(chunk) > self._max_bytes and b"\n" in chunk:
            head, tail = chunk[: chunk.rfind(b"\n") + 1], chunk[chunk.rfind(b"\n") + 1 :]
            self._append(head)
            self._rotate()
            chunk = tail
        self._append(chunk)

    def _append(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            written = self._file.write(view) or 0
            view = view[written:]
        self._size += len(chunk)

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._backups - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self.path.replace(self._numbered(1))
        self._file = self.path.open("ab", buffering=0)
        self._size = 0

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def tail(path: Path, lines: int, max_bytes: int = 262_144) -> list[str]:
    """Return the last lines of a file, none if there is no file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - max_bytes))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return list(deque(text.splitlines(), maxlen=lines))


class Terminal:
    """Prints the lines of many processes, each behind its name in its own colour."""

    def __init__(self, width: int = 12, colour: bool | None = None) -> None:
        self._width = width
        self._colour = sys.stdout.isatty() if colour is None else colour
        self._rest: dict[str, bytes] = {}
        self._order: dict[str, int] = {}

    def echo(self, name: str, chunk: bytes) -> None:
        """Print the whole lines of a chunk, and keep what is left for the next one."""
        *lines, rest = (self._rest.get(name, b"") + chunk).split(b"\n")
        if len(rest) > _SHOWN:
            lines, rest = [*lines, rest], b""
        self._rest[name] = rest
        text = "".join(f"{self._prefix(name)} {_shown(line)}\n" for line in lines if line.strip())
        sys.stdout.write(text)
        sys.stdout.flush()

    def _prefix(self, name: str) -> str:
        label = f"{name:<{self._width}} |"
        if not self._colour:
            return label
        number = self._order.setdefault(name, len(self._order))
        return f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{label}\x1b[0m"


def _shown(line: bytes) -> str:
    text = line[: _SHOWN * 4].decode(errors="replace").rstrip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… (+{len(line) - _SHOWN})"


def log_files(folder: Path, app: str | None) -> list[Path]:
    """Return the log files of one service or process, or all of them.

    `posts` means the service with its sidecar and replicas; `posts.daprd` means that file alone.
    """
    found = sorted(folder.glob("*.log"))
    if app is None:
        return found
    return [path for path in found if path.stem == app or path.stem.split(".")[0] == app]


def follow(paths: Iterable[Path], echo: Echo, period: float = 0.2) -> Iterator[None]:
    """Echo what is appended to the files from now on; yield after each round, then sleep."""
    positions = {path: path.stat().st_size for path in paths}
    inodes = {path: path.stat().st_ino for path in positions}
    while True:
        for path in positions:
            _read_on(path, positions, inodes, echo)
        yield
        time.sleep(period)


def _read_on(path: Path, positions: dict[Path, int], inodes: dict[Path, int], echo: Echo) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if status.st_ino != inodes[path] or status.st_size < positions[path]:
        positions[path], inodes[path] = 0, status.st_ino
    if status.st_size > positions[path]:
        with path.open("rb") as file:
            file.seek(positions[path])
            chunk = file.read()
        positions[path] += len(chunk)
        echo(path.stem, chunk)

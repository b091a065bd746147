"""Log files: one per process, rotated by size, read from the end."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

MAX_BYTES = 10_000_000
BACKUPS = 3

Echo = Callable[[str, bytes], None]


class LogFile:
    """A file that chunks are appended to; it is rotated between lines."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._open()

    def _open(self) -> None:
        self._file = self.path.open("ab", buffering=0)
        self._size = self.path.stat().st_size

    @property
    def size(self) -> int:
        return self._size

    def write(self, chunk: bytes) -> None:
        """Append a chunk; rotate after its last line break if the file is too long.

        Raises OSError if the disk is full. The next chunk is tried anew.
        """
        if self._file.closed:  # the disk was full in the middle of a rotation
            self._open()
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
        self._open()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def tail(path: Path, lines: int, since: int = 0, max_bytes: int = 262_144) -> list[str]:
    """Return the last lines of a file, none from before the given position."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(since if since <= size else 0, size - max_bytes))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return list(deque(text.splitlines(), maxlen=lines))

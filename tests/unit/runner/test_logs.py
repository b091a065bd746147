from itertools import pairwise
from pathlib import Path

import pytest

from tools.runner.output.logs import LogFile, tail
from tools.runner.output.terminal import Terminal, compact


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "posts.log"


def whole(path: Path) -> bytes:
    older = sorted(path.parent.glob(f"{path.name}.*"), key=lambda each: -int(each.suffix[1:]))
    return b"".join(each.read_bytes() for each in [*older, path])


def test_rotation_loses_no_byte_and_breaks_no_line(path: Path) -> None:
    log = LogFile(path, max_bytes=1_000, backups=100)
    text = b"".join(b"line %d %s\n" % (number, b"x" * (number % 50)) for number in range(400))
    for start, end in pairwise([*range(0, len(text), 77), len(text)]):
        log.write(text[start:end])
    log.close()
    assert whole(path) == text
    assert len(list(path.parent.iterdir())) > 5
    for older in path.parent.glob("posts.log.*"):
        assert older.read_bytes().endswith(b"\n")


def test_a_file_goes_on_after_a_rotation_for_which_the_disk_had_no_room(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogFile(path, max_bytes=12)
    log.write(b"first line\n")
    with monkeypatch.context() as patch:
        patch.setattr(LogFile, "_open", _full)
        with pytest.raises(OSError, match="full"):
            log.write(b"second\n")
    log.write(b"third\n")
    log.close()
    assert path.read_bytes() == b"third\n"


def _full(self: LogFile) -> None:
    raise OSError("the disk is full")


def test_only_a_few_old_files_are_kept(path: Path) -> None:
    log = LogFile(path, max_bytes=100, backups=2)
    for number in range(100):
        log.write(b"%d some words of a line\n" % number)
    log.close()
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "posts.log",
        "posts.log.1",
        "posts.log.2",
    ]


def test_a_line_of_any_length_passes(path: Path) -> None:
    log = LogFile(path, max_bytes=1_000)
    for _ in range(100):
        log.write(b"y" * 65_536)
    log.write(b"\n")
    log.close()
    assert whole(path) == b"y" * 6_553_600 + b"\n"


def test_a_file_is_continued_after_a_restart(path: Path) -> None:
    for word in (b"one\n", b"two\n"):
        log = LogFile(path)
        log.write(word)
        log.close()
    assert tail(path, 10) == ["one", "two"]


def test_the_tail_can_leave_out_what_was_there_before(path: Path) -> None:
    path.write_text("old\nnew\n")
    assert tail(path, 10, since=4) == ["new"]
    assert tail(path, 10, since=999) == ["old", "new"]  # rotated meanwhile
    assert tail(path, 1) == ["new"]
    assert tail(path.with_name("none"), 5) == []


def test_the_terminal_prints_whole_lines_behind_their_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal(width=5, colour=False)
    terminal.echo("posts", b"one\ntw")
    terminal.echo("feed", b"other\n")
    terminal.echo("posts", b"o\n\n")
    assert capsys.readouterr().out == "posts | one\nfeed  | other\nposts | two\n"


def test_the_terminal_shortens_an_endless_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(colour=False)
    for _ in range(100):
        terminal.echo("posts", b"z" * 65_536)
    assert 0 < len(capsys.readouterr().out) < 200_000


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"app_id":"x","level":"info","msg":"ready","type":"log"}', ""),
        (
            '{"level":"error","msg":"no \\"such\\" thing","scope":"s","type":"log","ver":"1"}',
            'error no "such" thing',
        ),
        ("[7] 2026/11/21 01:23:54.19 [INF] Server is ready", ""),
        ("[7] 2026/11/21 01:23:54.19 [WRN] slow", "WRN slow"),
        ("[7] 2026/11/21 01:23:54.19 [INF] ", ""),
        ('{"level":"warning","msg":"mTLS is disabled. So.","type":"log"}', ""),
        ('{"level": "info", "caller": "a.go:1", "msg": "up"}', ""),
        ('{"level": "warn", "caller": "a.go:1", "msg": "slow"}', "warn slow caller=a.go:1"),
        ('{"level": "info", "message": "made", "id": 7, "time": "t"}', "info made id=7"),
        ('{"other": 1}', '{"other": 1}'),
        ("{broken", "{broken"),
        ("plain", "plain"),
        ("2026/11/21 12:05:16 slow", "2026/11/21 12:05:16 slow"),
        ("2026/11/21 12:05:16 Marking prefixes as undeliverable", ""),
    ],
)
def test_lines_are_shortened(line: str, shown: str) -> None:
    assert compact(line) == shown

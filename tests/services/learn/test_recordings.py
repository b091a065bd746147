"""Recordings are well formed, and show what the commands print today."""

from __future__ import annotations

import json

import pytest

from tools.learn.recordings import FOLDER, HEIGHT, RECORDINGS, WIDTH, Recording, played, record

MAX_BYTES = 32_768


def test_there_is_no_recording_of_which_nobody_knows() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(
        recording.name for recording in RECORDINGS
    )


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda each: each.name)
def test_a_recording_is_that_of_a_run_today(recording: Recording) -> None:
    text = (FOLDER / f"{recording.name}.cast").read_text()
    assert text == record(recording), "write it anew: python -m tools.learn.recordings"


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda each: each.name)
def test_a_recording_is_an_asciicast_of_its_commands(recording: Recording) -> None:
    text = (FOLDER / f"{recording.name}.cast").read_text()
    assert len(text.encode()) < MAX_BYTES
    header, *events = [json.loads(line) for line in text.splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, WIDTH, HEIGHT)
    times = [at for at, kind, data in events if kind == "o" and isinstance(data, str)]
    assert len(times) == len(events)
    assert times == sorted(times)
    typed = [line[2:] for line in played(text).splitlines() if line.startswith("$ ")]
    assert typed == [each for each in recording.commands if not each.startswith("mends ")]
    assert max(len(line) for line in played(text).splitlines()) <= WIDTH

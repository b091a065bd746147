"""The verb `learn`: what its commands print."""

from __future__ import annotations

import contextlib
import io
import json
import os
import textwrap
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.learn.catalog import Exercise, read_path
from tools.learn.progress import progress_file, workspace_root
from tools.learn.report import CheckReport
from tools.learn.session import LearnerSession
from tools.learn.system import RUN_DIR
from tools.runner.config.paths import REPO, RunDir

ME = "./tye-like-run.sh learn"
_MARKS = {"done": "✓", "started": "…", "open": " "}


def learn(options: Namespace, run: RunDir) -> int:
    """Run one command of `learn`. Returns 1 if a check did not pass."""
    session = LearnerSession(read_path(), workspace_root(REPO), progress_file(run.path))
    commands = {
        "where": _where,
        "list": _list,
        "start": _start,
        "check": _check,
        "hint": _hint,
        "solution": _solution,
        "reset": _reset,
        "watch": _watch,
    }
    return commands[options.action](session, options)


# ── where am I ──────────────────────────────────────────────────────────────────────────────


def _where(session: LearnerSession, options: Namespace) -> int:
    done = sum(session.progress.is_done(each.name) for each in session.path.exercises)
    upcoming = session.next_exercise()
    current = session.progress.current
    if options.json:
        return _print_json(
            {
                "done": done,
                "of": len(session.path.exercises),
                "current": current,
                "next": upcoming.name if upcoming else None,
                "workspace": str(session.root),
            }
        )
    print(f"{done} of {len(session.path.exercises)} exercises are done.")
    if current and not session.progress.is_done(current):
        exercise = session.choose(None)
        print(f"\nYou are in {exercise.name}: {exercise.title}.")
        print(f"  your files   {_short(session.folder(exercise))}/")
        print(f"  its page     {exercise.page}")
        print(f"  go on with   {ME} check   (or watch, hint, solution, reset)")
    elif upcoming:
        print(f"\nThe next one is {upcoming.name}: {upcoming.title} ({upcoming.minutes} min).")
        print(f"  read         {upcoming.page}")
        print(f"  then         {ME} start {upcoming.name}")
    else:
        print("\nThat is all of them. What to do with it: docs/learn/README.md")
    return 0


def _list(session: LearnerSession, options: Namespace) -> int:
    if options.json:
        return _print_json(_listing(session))
    for phase in session.path.phases:
        exercises = [each for each in session.path.exercises if each.phase == phase]
        print(f"{phase} ({sum(each.minutes for each in exercises)} min)")
        for each in exercises:
            mark = _MARKS[session.progress.step(each.name).state]
            print(f"  {mark} {each.name:<12} {each.minutes:>3} min  {each.title}")
        print()
    print("The checklist")
    for topic, names in session.path.checklist.items():
        done = sum(session.progress.is_done(name) for name in names)
        mark = "✓" if done == len(names) else " "
        print(f"  {mark} {topic:<28} {done} of {len(names)}: {', '.join(names)}")
    return 0


def _listing(session: LearnerSession) -> dict[str, Any]:
    steps = session.progress.step
    return {
        "exercises": [
            {
                "name": each.name,
                "phase": each.phase,
                "title": each.title,
                "minutes": each.minutes,
                "page": each.page,
                "state": steps(each.name).state,
                "tries": steps(each.name).tries,
                "hints": steps(each.name).hints,
            }
            for each in session.path.exercises
        ],
        "checklist": {
            topic: {name: session.progress.is_done(name) for name in names}
            for topic, names in session.path.checklist.items()
        },
    }


# ── one exercise ────────────────────────────────────────────────────────────────────────────


def _start(session: LearnerSession, options: Namespace) -> int:
    exercise = session.path.find(options.step) if options.step else session.next_exercise()
    if exercise is None:
        print("All exercises are done. Name one to do it again.")
        return 0
    files = session.start(exercise)
    if options.json:
        return _print_json({"exercise": exercise.name, "files": [str(file) for file in files]})
    print(
        f"{exercise.name}: {exercise.title} ({exercise.minutes} min)\n\n{_wrapped(exercise.goal)}\n"
    )
    print(f"  read   {exercise.page}")
    for file in files:
        print(f"  edit   {_short(file)}")
    if exercise.needs_system:
        print(f"  run    {exercise.start}")
    print(f"  then   {ME} check")
    return 0


def _check(session: LearnerSession, options: Namespace) -> int:
    exercise = session.choose(options.step)
    report, printed = session.check(exercise)
    if options.json:
        _print_json({"exercise": exercise.name, "passed": report.passed, **asdict(report)})
    else:
        _print_report(session, exercise, report, printed)
    return 0 if report.passed else 1


def _print_report(
    session: LearnerSession, exercise: Exercise, report: CheckReport, printed: str
) -> None:
    if printed.strip():
        print(f"your code printed:\n{printed.rstrip()}\n")
    for invariant in report.held:
        print(f"✓ {invariant}")
    if fallen := report.fallen:
        print(f"✗ {fallen.invariant}\n")
        print(f"  expected   {fallen.expected}")
        print(f"  seen       {fallen.seen}")
        print(f"  look at    {fallen.look}")
        print(f"\nA hint: {ME} hint")
        return
    print(f"\n{exercise.name} is done.")
    upcoming = session.next_exercise(after=exercise.name)
    print(f"Next: {ME} start {upcoming.name}" if upcoming else "That was the last one.")


def _hint(session: LearnerSession, options: Namespace) -> int:
    exercise = session.choose(options.step)
    number, text = session.hint(exercise)
    if options.json:
        return _print_json({"hint": number, "of": len(exercise.hints), "text": text})
    print(_wrapped(f"Hint {number} of {len(exercise.hints)}: {text}"))
    return 0


def _solution(session: LearnerSession, options: Namespace) -> int:
    exercise = session.choose(options.step)
    difference = session.solution(exercise)
    if options.json:
        return _print_json({"exercise": exercise.name, "diff": difference})
    print(difference or "Your files are those of the solution.")
    return 0


def _reset(session: LearnerSession, options: Namespace) -> int:
    exercise = session.choose(options.step)
    aside = session.reset(exercise)
    if options.json:
        return _print_json({"exercise": exercise.name, "previous": str(aside)})
    print(f"{_short(session.folder(exercise))}/ is as given again.")
    print(f"What you had is in {_short(aside)}/.")
    return 0


def _watch(session: LearnerSession, options: Namespace) -> int:
    """Check again after each change, until the exercise is done or Ctrl-C."""
    from tools.learn.watching import RECHECK, changes

    exercise = session.choose(options.step)
    code, said = _captured_check(session, options)
    print(said, end="")
    if code == 0:
        return 0
    folder = session.folder(exercise)
    system = f", or your system in {RUN_DIR}," if exercise.needs_system else ""
    print(f"\nI check again when a file in {_short(folder)}/{system} changes (Ctrl-C).", flush=True)
    runs_programs = any(name.endswith(".py") for name in exercise.given)
    every = RECHECK if exercise.needs_system and not runs_programs else 0.0  # a program has effects
    for is_other in changes(folder, with_system=exercise.needs_system, every=every):
        before = said
        code, said = _captured_check(session, options)
        if is_other or said != before:
            print(f"\n{'─' * 60}\n{said}", end="", flush=True)
        if code == 0:
            break
    return code


def _captured_check(session: LearnerSession, options: Namespace) -> tuple[int, str]:
    """Check, and return the exit code and what there is to print."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = _check(session, options)
    return code, said.getvalue()


def _short(path: Path) -> str:
    """Return a path as the learner would type it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _print_json(value: dict[str, Any]) -> int:
    print(json.dumps(value, indent=2))
    return 0

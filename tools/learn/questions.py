"""Exercises of questions: the learner writes a letter behind each of them."""

from __future__ import annotations

from pathlib import Path

import yaml

from tools.learn.report import Work


def check_answers(work: Work, exercise: Path) -> None:
    """Compare the learner's `answers.yaml` with the solution. Raises `InvariantFallen`."""
    right = yaml.safe_load((exercise / "solution" / "answers.yaml").read_text())
    reasons = yaml.safe_load((exercise / "reasons.yaml").read_text())
    given = work.answers()
    for question, answer in right.items():
        letter = given.get(question, "").lower().removesuffix(")")
        work.require(
            question,
            letter == str(answer).lower(),
            expected="another answer" if letter else "one of the choices",
            seen=f'"{letter}"' if letter else "no answer yet",
            look=reasons[question]
            if letter
            else "answers.yaml: write behind the colon of this question",
        )

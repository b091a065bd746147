"""`./tye-like-run.sh learn`: exercises that check themselves, and the learner's way through them.

catalog.py     the path, its phases and its exercises, as data below exercises/
workspace.py   the learner's folder, made from what an exercise gives
checking.py    runs the check of an exercise in a process of its own, within a deadline
report.py      what a check found, invariant by invariant
progress.py    .run/learn.json
session.py     the commands: start, check, hint, solution, reset
command.py     what they print
pages.py       the code that the pages of docs/learn show, taken from the files
"""

"""`./tye-like-run.sh learn`: exercises that check themselves, and the learner's way through them.

catalog.py     the path, its phases and its exercises, as data below exercises/
lab.py         the neighbours that exercises have
system.py      the learner's own system, as checks ask it
checking.py    runs the check of an exercise in a process of its own, within a deadline
questions.py   the check of an exercise that has questions only
report.py      what a check found, invariant by invariant
progress.py    .run/learn.json
session.py     the commands: start, check, hint, solution, reset
command.py     what they print
watching.py    what `learn watch` waits for

pages.py       the code that the pages of docs/learn show, taken from the files
figures.py     the figures that they quote, taken from other pages
consoles.py    the commands that they show, run again
minutes.py     how long each takes
recordings.py  recordings of a terminal
printed.py     all pages as one HTML file
"""

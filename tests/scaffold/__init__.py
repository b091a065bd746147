"""Commands that write into the repository, in a copy: `./tye-like-run.sh test tests/scaffold`."""

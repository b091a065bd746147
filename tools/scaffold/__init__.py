"""Writes a new service into the repository, and takes it out again: `./tye-like-run.sh new`."""

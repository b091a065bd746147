"""A new service in a copy of the repository: `./tye-like-run.sh test tests/scaffold` (minutes)."""

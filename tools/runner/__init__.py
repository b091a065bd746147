"""What `./tye-like-run.sh` starts: the whole system, and everything around it."""

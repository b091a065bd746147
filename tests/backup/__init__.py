"""Backup, restore and upgrade of whole systems: `./tye-like-run.sh test --backup`."""

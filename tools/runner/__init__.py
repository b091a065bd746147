"""The runner behind `./tye-like-run.sh`: starts, watches and stops a whole system."""

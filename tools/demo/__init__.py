"""`./tye-like-run.sh demo`: fills a running system with demo data.

The data is generated, the same in every run, and created through the public API. Existing data is
left alone.
"""

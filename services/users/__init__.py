"""Accounts: profiles, search by name, and follows, blocks and mutes between accounts."""

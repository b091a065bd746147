"""The rules of payments and of the ledger, in plain Python."""

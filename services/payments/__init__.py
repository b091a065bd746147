"""Money: a double-entry ledger, and what the payment provider is asked for each order."""

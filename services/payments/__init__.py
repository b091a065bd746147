"""Payments: what buyers pay for orders, and the ledger that records it."""

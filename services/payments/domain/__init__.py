"""The rules of payments, plain Python."""

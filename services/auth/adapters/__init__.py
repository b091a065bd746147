"""The outside world of auth: password hashing, signing keys and the revocation log."""

"""Documents and long lists in the state store."""

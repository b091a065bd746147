"""Services with one fault each, which breaks one rule of docs/protocol.md in one process only."""

"""The payment provider: the port behind which it lies, and one that is built in for testing."""

"""The same without the fault."""

"""The rules of auth in plain Python. Clock and ids are passed in."""

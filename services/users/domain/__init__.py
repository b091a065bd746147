"""The rules of the users service in plain Python. Clock and ids are passed in."""

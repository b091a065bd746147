"""The rules of pictures, in plain Python."""

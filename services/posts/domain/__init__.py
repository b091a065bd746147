"""The rules of posts, in plain Python: one module for each of the things that are decided."""

"""The rules of posts, in plain Python: `text`, `posts`, `marks`, `visibility`, `threads`."""

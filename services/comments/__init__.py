"""The comments service: threads of replies, their order and their counts."""

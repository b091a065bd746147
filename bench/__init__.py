"""What the system does in a second, and what that costs: `python -m bench --help`.

Read it in this order: `__main__` (one run), `system` (what is measured), `load` (what it holds),
`rounds` (how it is measured), `worker` and `lane` (who asks), `report` (what is said of it).
"""

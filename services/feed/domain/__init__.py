"""Rules of timelines in plain Python.

Fan-out only puts rows near their readers. What a reader sees is decided when they read, by their
own `ReaderRelations` and by the `PostProjection` of each post. So a row that is inserted late,
twice, or after an unfollow, a block or a deletion does no harm.
"""

"""Plain Python that several domains use: text and hashtags.

It imports no framework, no service and nothing of the chassis; of the contracts, the limits alone.
"""

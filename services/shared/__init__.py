"""Plain Python that several domains use: text, hashtags and languages.

It imports no framework, no service and nothing of the chassis; of the contracts, the limits alone.
"""

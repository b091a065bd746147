"""Plain Python that several domains use: text, hashtags and languages.

It imports no framework, no service, nothing of the chassis, and only the limits of the contracts.
"""

"""The types of parsed JSON: `PostViewJson` is what a `PostView` is before it is validated.

Responses that are rendered as they come are not validated: on a timeline that would cost more than
everything else. Their types are checked by mypy, and tests hold them to the contract models.
"""

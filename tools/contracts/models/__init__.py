"""Models in other languages, generated from docs/contracts.

A contract is good for code generation if every object in it has a name, and every value one type.
`schemas` reads that, and a module for each language writes it down.
"""

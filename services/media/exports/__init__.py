"""Archives of all that somebody has, made in the background (docs/decisions/0009).

`domain` is what is known of one, `zips` its bytes, `gathering` what comes into it, `clerk` who
makes it, piece by piece, `office` what its owner asks for.
"""

"""Archives of all data of a user, made in the background (docs/decisions/0009).

`domain` has the rules, `zip_writer` the file format. `collector` reads what goes into an archive,
`worker` makes it part by part, and `service` answers its owner.
"""

"""Feature families of the catalogue, one module each, with their definitions beside the code.

A family that adds to the wide row has `DEFINITIONS`, `NEEDS` (source tables without any of which it has no rows) and
`features(facts)`. One that compares customers with each other adds `fitted(facts)`. A companion table has
`CONTRACT`, `NEEDS` and `rows(facts)`. What rests on other features of the wide row has `derive(rows, facts)`.
`features/catalogue.py` lists them.
"""

"""Numbers of single feature families; each is a section under `features:` in the settings.

They change values of features but no column, and are part of the spec hash.
"""

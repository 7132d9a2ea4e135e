"""The one error of this package."""


class WorldError(ValueError):
    """A world that cannot be made from these parameters."""

"""The errors that a person must act on. Anything else that escapes is a bug."""


class NextbestError(Exception):
    """Base of every error we raise on purpose: what was wrong, where, what was expected, what to do.

    The command line prints the message alone and exits with `exit_code`; a traceback only with `--debug`.
    """

    exit_code = 2


class SettingsError(NextbestError):
    """A settings file, variable or option cannot be used as it is."""


class ContractError(NextbestError):
    """A table does not have the shape or the content its contract states."""


class DataError(NextbestError):
    """Data is there and well formed, but the work asked for cannot be done with it."""


class LakeError(NextbestError):
    """The lake cannot be read or written."""

    exit_code = 3


class ConflictError(LakeError):
    """Somebody else holds the lake, or changed the table meanwhile."""

    exit_code = 4


class TrackingError(NextbestError):
    """The MLflow store cannot be used."""

    exit_code = 5


class ModelError(NextbestError):
    """A model file is missing, damaged or not the one that was registered."""

    exit_code = 6

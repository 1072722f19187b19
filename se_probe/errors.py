"""Every deliberate error: what was expected, what came, and what to do next."""

__all__ = [
    "AmbiguousClassError",
    "ArchitectureError",
    "BlockError",
    "BlockNameError",
    "CheckpointError",
    "ClassNameError",
    "GateRecordError",
    "ImagesError",
    "MissingPackageError",
    "SEProbeError",
    "UsageError",
]


class SEProbeError(Exception):
    """Runtime error; the command line exits with 1."""

    exit_status = 1


class UsageError(SEProbeError, ValueError):
    """Usage error: an invalid argument; the command line exits with 2."""

    exit_status = 2


class ClassNameError(UsageError, LookupError):
    """A class name that means no class of the label set."""


class AmbiguousClassError(ClassNameError):
    """A class name that means several classes of the label set."""


class BlockNameError(UsageError, LookupError):
    """A block name that no SE block of the network has."""


class ArchitectureError(UsageError, LookupError):
    """An architecture name that nothing can build."""


class CheckpointError(SEProbeError, ValueError):
    """A weights file that cannot be read, or does not fit the network."""


class ImagesError(SEProbeError, ValueError):
    """Images that are not there, or cannot be used."""


class BlockError(SEProbeError, ValueError):
    """A network whose gates cannot be found or captured."""


class GateRecordError(SEProbeError, ValueError):
    """A gate record that is damaged, incomplete, or of other settings."""


class MissingPackageError(SEProbeError, ImportError):
    """An optional package that is not installed; the message names the extra."""

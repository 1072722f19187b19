"""``se-probe demo``."""

__all__ = ["demo"]


def demo() -> None:
    """To come."""

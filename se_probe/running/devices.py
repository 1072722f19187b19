"""Which device a network runs on."""

import torch

from se_probe.errors import UsageError

__all__ = ["pick_device"]


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """Device of a name, if it is there.

    Parameters
    ----------
    name : str or torch.device
        "auto" is the first GPU, or the CPU where there is none; "cpu", "cuda",
        "cuda:1" ...

    Returns
    -------
    torch.device

    Raises
    ------
    UsageError
        If the name means no device, or one that this machine does not have.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    name = str(name)
    n_gpus = torch.cuda.device_count()
    if name == "auto":
        return torch.device("cuda:0" if n_gpus else "cpu")
    kind, _, number = name.partition(":")
    if kind not in {"cpu", "cuda"} or (number and not number.isdecimal()):
        raise UsageError(f"a device is auto, cpu, cuda or cuda:0, got {name!r}")
    if kind == "cuda" and int(number or 0) >= n_gpus:
        there = f"{n_gpus} of them" if n_gpus else "none"
        raise UsageError(
            f"{name} is not there: torch sees {there} on this machine. Use --device "
            "cpu, or auto"
        )
    return (
        torch.device("cpu") if kind == "cpu" else torch.device(kind, int(number or 0))
    )

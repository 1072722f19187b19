"""Which device a network runs on."""

import torch

from se_probe.errors import UsageError
from se_probe.running.ranks import local_rank

__all__ = ["pick_device"]

_KINDS = ("cuda", "mps", "xpu")


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """Device of a name, if it is there.

    Parameters
    ----------
    name : str or torch.device
        "auto" is the first accelerator that torch knows here (CUDA or ROCm as "cuda",
        Apple's "mps", Intel's "xpu"), or the CPU where there is none; or "cpu", "cuda",
        "cuda:1", "mps", ... Processes that torchrun or srun started take one each
        where no number is given.

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
    kind, _, number = str(name).partition(":")
    there, n_devices = _accelerator()
    if kind == "auto" and not number:
        kind = there or "cpu"
    if kind not in {"cpu", *_KINDS, there} or (number and not number.isdecimal()):
        raise UsageError(
            f"a device is auto, cpu, {', '.join(_KINDS)}, or one with its number such "
            f"as cuda:1; got {str(name)!r}"
        )
    if kind == "cpu":
        return torch.device("cpu")
    n_devices = n_devices if kind == there else 0
    index = int(number) if number else (local_rank() or 0) % max(n_devices, 1)
    if index >= n_devices:
        seen = f"{n_devices} of them" if n_devices else "none"
        raise UsageError(
            f"{name} is not there: torch sees {seen} on this machine. Use --device "
            "cpu, or auto"
        )
    return torch.device(kind, index)


def _accelerator() -> tuple[str, int]:
    """Kind of this machine's accelerators, and how many; "" and 0 for none."""
    if torch.cuda.device_count():
        return "cuda", torch.cuda.device_count()
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None or found.type == "cuda":
        return "", 0
    return found.type, torch.accelerator.device_count()

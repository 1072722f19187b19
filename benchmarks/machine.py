"""The machine that a measurement ran on, and whether it is idle."""

import os
import platform
import sys
from pathlib import Path

import psutil
import torch

__all__ = ["check_idle", "describe_machine", "peak_memory", "reset_peak"]

_LOAD_PER_CORE = 0.25
_BUSY_CORES = 0.3
_SECONDS = 2.0


def describe_machine() -> dict[str, object]:
    """What has to be known to compare a time."""
    facts: dict[str, object] = {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def check_idle(*, busy: bool) -> dict[str, float]:
    """Load of the machine; ends the program where it is loaded and `busy` is not said.

    The load average knows of the last minute, the cores in use of the last moment.

    Returns
    -------
    dict
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    n_cores = os.cpu_count() or 1
    in_use = psutil.cpu_percent(interval=_SECONDS) / 100 * n_cores
    found = {"load_average": round(load, 2), "busy_cores": round(in_use, 2)}
    if not busy and (load > _LOAD_PER_CORE * n_cores or in_use > _BUSY_CORES):
        sys.exit(
            f"the machine is busy: load average {load:.2f}, {in_use:.2f} of {n_cores} "
            f"cores in use (expected at most {_LOAD_PER_CORE * n_cores:.2f} and "
            f"{_BUSY_CORES:.2f}). Wait, or give --busy for numbers that are not to be "
            "quoted"
        )
    return found


def reset_peak() -> None:
    """Begin a new peak of this process's memory; Linux only, else it stays."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM


def peak_memory() -> float:
    """Peak resident memory of this process in MB, since `reset_peak` on Linux."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(peak) * 1024 / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

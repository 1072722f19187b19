"""Write the table of docs/pruning.md on times: `python benchmarks/runtime_table.py`.

Random weights: they do not change times. Within a row all networks alternate.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import Network, build_network
from se_probe.images import open_images
from se_probe.pruning import Runtime, RuntimeTimes, drop_se_blocks, time_runtimes
from se_probe.running import pinned_numerics

__all__ = ["runtime_rows"]

_ARCHITECTURES = ("tf_efficientnetv2_b0", "legacy_seresnet50")
_RUNTIMES: tuple[Runtime, ...] = ("eager", "onnxruntime", "onnxruntime-int8")
_HEAD = """| network | runtime | all (ms) | one gone | stage 5 gone | all gone |
| --- | --- | --- | --- | --- | --- |"""


class _Noise(Dataset[tuple[Tensor, int]]):
    """One image of noise, of the shape that a network takes."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.randn(
            self.shape, generator=torch.Generator().manual_seed(index)
        ), 0


def runtime_rows(arch: str, n_runs: int = 30) -> list[str]:
    """Rows of the table for one architecture: one image, one thread.

    Parameters
    ----------
    arch : str
    n_runs : int, default 30

    Returns
    -------
    list of str
    """
    network = build_network(arch)
    network.model.eval()
    shape = network.preprocessing.input_size
    images = open_images(_Noise(shape), network.preprocessing, batch_size=1)
    names = [b.name for b in find_se_blocks(network.model, torch.randn(2, *shape))]
    versions = [names[-1:], [n for n in names if n.startswith("SE_5_")], names]
    networks: list[Network] = [
        network,
        *(drop_se_blocks(network, each, "identity") for each in versions),
    ]
    with pinned_numerics(1):
        times = time_runtimes(networks, images, _RUNTIMES, n_runs=n_runs)
    return [_row(arch, each) for each in times]


def _row(arch: str, times: RuntimeTimes) -> str:
    before = times.milliseconds[0]
    spread = f"{before:.2f} ({times.low[0]:.2f} to {times.high[0]:.2f})"
    changes = [f"{100 * (each / before - 1):+.1f} %" for each in times.milliseconds[1:]]
    return f"| {arch} | {times.runtime} | {spread} | {' | '.join(changes)} |"


if __name__ == "__main__":
    print(_HEAD)
    for architecture in _ARCHITECTURES:
        print("\n".join(runtime_rows(architecture)), flush=True)

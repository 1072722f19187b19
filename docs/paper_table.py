"""Parameters and multiply-adds of our networks, beside the figures of the SE paper."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from se_probe.models import (
    SEBlock,
    architecture,
    count_macs,
    count_parameters,
    count_running_statistics,
    create_model,
    list_architectures,
)

__all__ = [
    "PAPER_ROWS",
    "Cost",
    "PaperRow",
    "architecture_table",
    "cost",
    "paper_cost",
    "paper_table",
]


@dataclass(frozen=True)
class PaperRow:
    """One network of the paper's ablations, and what the paper prints for it.

    Parameters
    ----------
    table : int
        Number of the paper's table.
    name : str
        As the paper calls it.
    parameters : float
        In millions.
    gmacs : float or None
        Multiply-adds in billions ("GFLOPs"); None where the table has none.
    options : mapping
        What makes our `se_resnet50` this network, beside `_ABLATION`.
    """

    table: int
    name: str
    parameters: float
    gmacs: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


# Section 6: no biases in the SE blocks. The Caffe networks have the stride of a
# bottleneck on its first convolution.
_ABLATION: dict[str, Any] = {"bias": False, "stride_on": "1x1"}
_PLAIN: dict[str, Any] = {"stages": ()}

PAPER_ROWS: tuple[PaperRow, ...] = (
    PaperRow(10, "r = 2", 45.7, options={"reduction": 2}),
    PaperRow(10, "r = 4", 35.7, options={"reduction": 4}),
    PaperRow(10, "r = 8", 30.7, options={"reduction": 8}),
    PaperRow(10, "r = 16", 28.1),
    PaperRow(10, "r = 32", 26.9, options={"reduction": 32}),
    PaperRow(10, "original", 25.6, options=_PLAIN),
    PaperRow(13, "ResNet-50", 25.6, 3.86, _PLAIN),
    PaperRow(13, "SE_Stage_2", 25.6, 3.86, {"stages": (2,)}),
    PaperRow(13, "SE_Stage_3", 25.7, 3.86, {"stages": (3,)}),
    PaperRow(13, "SE_Stage_4", 26.4, 3.86, {"stages": (4,)}),
    PaperRow(13, "SE_All", 28.1, 3.87),
    PaperRow(15, "SE", 28.1, 3.87),
    PaperRow(15, "SE_3x3", 25.8, 3.86, {"integration": "3x3"}),
    PaperRow(16, "ResNet-50", 25.6, 3.86, _PLAIN),
    PaperRow(16, "NoSqueeze", 28.1, 4.27, {"squeeze": "none"}),
    PaperRow(16, "SE", 28.1, 3.87),
)
"""Tables 10, 13, 15 and 16 of https://arxiv.org/abs/1709.01507."""


@dataclass(frozen=True)
class Cost:
    """What a network has and what one image costs it.

    Parameters
    ----------
    parameters : int
        Learnable numbers.
    running_statistics : int
        Means and variances of batch norms, which the paper counts as parameters.
    se_parameters, n_blocks : int
        Learnable numbers in SE blocks, and how many blocks there are.
    macs : int
        Multiply-adds of convolutions and linear layers.
    squeeze_and_scale : int
        Additions of the squeezes and multiplications by gates, not in `macs`.
    """

    parameters: int
    running_statistics: int
    se_parameters: int
    n_blocks: int
    macs: int
    squeeze_and_scale: int

    @property
    def paper_parameters(self) -> int:
        """Parameters as the paper counts them."""
        return self.parameters + self.running_statistics

    @property
    def paper_macs(self) -> int:
        """Multiply-adds as the paper counts them."""
        return self.macs + self.squeeze_and_scale


def cost(model: nn.Module, input_size: Sequence[int]) -> Cost:
    """Cost of a network and of one image; see :func:`count_macs` for how it is seen.

    Parameters
    ----------
    model : nn.Module
    input_size : sequence of int
        Channels, height, width.

    Returns
    -------
    Cost
        SE blocks are those of class :class:`~se_probe.models.SEBlock`.
    """
    blocks = [module for module in model.modules() if isinstance(module, SEBlock)]
    work: list[int] = []

    def note(block: SEBlock, inputs: tuple[Tensor]) -> None:
        has_squeeze = not isinstance(block.squeeze, nn.Identity)
        work.append(inputs[0].numel() * (1 + has_squeeze))

    with ExitStack() as hooks:
        for block in blocks:
            hooks.enter_context(block.register_forward_pre_hook(note))
        macs = count_macs(model, input_size)
    return Cost(
        parameters=count_parameters(model),
        running_statistics=count_running_statistics(model),
        se_parameters=sum(map(count_parameters, blocks)),
        n_blocks=len(blocks),
        macs=macs,
        squeeze_and_scale=sum(work),
    )


def paper_cost(row: PaperRow) -> Cost:
    """Cost of our network that stands for a row of the paper."""
    return _cost_of("se_resnet50", tuple((_ABLATION | dict(row.options)).items()))


@cache
def _cost_of(arch: str, options: tuple[tuple[str, Any], ...] = ()) -> Cost:
    with torch.device("meta"):  # shapes only: no weights are drawn, nothing is computed
        model = create_model(arch, None, **dict(options))
    return cost(model, architecture(arch).input_size)


def paper_table() -> str:
    """Markdown table of the paper's ablations and of ours.

    Returns
    -------
    str
        Parameters in millions, multiply-adds in billions.
    """
    header = ["table", "network"]
    header += ["learnable", "with BN statistics", "paper"]
    header += ["conv + linear", "with squeeze and scale", "paper"]
    return _markdown(header, map(_paper_line, PAPER_ROWS))


def _paper_line(row: PaperRow) -> list[str]:
    ours = paper_cost(row)
    return [
        str(row.table),
        row.name,
        f"{ours.parameters / 1e6:.3f}",
        f"{ours.paper_parameters / 1e6:.3f}",
        f"{row.parameters:.1f}",
        f"{ours.macs / 1e9:.4f}",
        f"{ours.paper_macs / 1e9:.4f}",
        "" if row.gmacs is None else f"{row.gmacs:.2f}",
    ]


def architecture_table() -> str:
    """Markdown table of our architectures with their default options.

    Returns
    -------
    str
        One line per architecture.
    """
    header = [
        "name",
        "image",
        "SE blocks",
        "parameters",
        "of which SE",
        "multiply-adds",
    ]
    return _markdown(header, map(_architecture_line, list_architectures()))


def _architecture_line(name: str) -> list[str]:
    ours = _cost_of(name)
    size = architecture(name).input_size
    counts = (ours.n_blocks, ours.parameters, ours.se_parameters, ours.macs)
    return [f"`{name}`", "x".join(map(str, size)), *(f"{n:,}" for n in counts)]


def _markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(f"{architecture_table()}\n{paper_table()}")

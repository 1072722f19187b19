"""Watch the gates of a network while it trains, whoever trains it.

A block can collapse (the same gates for every image) or run into the ends of the
sigmoid while the loss still falls. :class:`GateMonitor` looks at the gates of the
training batches themselves and tells, every so many batches, how each block is.
"""

import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor, nn

from se_probe.blocks import (
    GateCapture,
    capture_gates,
    find_se_blocks,
    unwrap,
)
from se_probe.errors import BlockError, UsageError
from se_probe.stats import MARGIN, ends_at_0_and_1

__all__ = ["GateMonitor", "Log"]

# Called with numbers by name, such as "gates/SE_5_2/input_dependence", and the step.
Log = Callable[[dict[str, float], int], object]

# Gates that move by less than a hundred-thousandth of their size (the square of it is
# an input dependence) are constant: rounding alone moves them by a ten-millionth, while
# those of a fresh network, looking at noise, move by a thousandth.
_CONSTANT = 1e-10
# A block is called saturated when nearly all of its gates are at one end. The paper's
# SE_5_2, with "most of the activations close to one", still does some work.
_NEARLY_ALL = 0.95
# Rows of the sums that are kept of each channel.
_SUMS = ("gate", "squared_deviation", "closed", "open")


class GateMonitor:
    """Gate statistics of every SE block over the batches that train a network.

    A context: inside it, every forward pass in training mode counts. Sums stay on the
    network's device; only a few numbers per block are copied when they are logged.
    Passes in evaluation mode are not looked at, the second forward pass of activation
    checkpointing neither. The network computes the same bits as without it.

    Under ``DistributedDataParallel`` every process needs a monitor with the same
    `every`: the sums of all of them are added up, and the process of rank 0 logs.
    With gradient accumulation each forward pass is a batch.

    Parameters
    ----------
    model : nn.Module
        The network itself and not what ``torch.compile`` made of it; a compiled one
        that is run inside the context for the first time is watched too. Code that
        was compiled before takes no further hooks.
    sample : Tensor, shape (batch, channels, height, width)
        Two different images or more, prepared as for training, to find the blocks with.
    log : callable, optional
        Called with a dict of numbers and the number of batches seen. TensorBoard:
        ``lambda numbers, step: [writer.add_scalar(k, v, step) for k, v in
        numbers.items()]``; Weights & Biases: ``lambda numbers, step: run.log(numbers,
        step=step)``.
    every : int or None, default 100
        Batches between two calls; each tells of the batches since the one before. None
        calls only when :meth:`tell` is called, for example after an epoch.
    group : ProcessGroup, optional
        Processes whose sums are added up, each with a monitor of its own; those of a
        ``DistributedDataParallel`` model by default. A part of such a model needs it:
        ``torch.distributed.group.WORLD``.

    Raises
    ------
    UsageError
        If `every` is below 1, or the model is compiled.
    BlockError
        If the network has no SE blocks.

    Warns
    -----
    UserWarning
        Once for each block that has collapsed (the same gates for different images) or
        is saturated (more than 95 % of its gates at 0 or at 1).

    Examples
    --------
    >>> import torch
    >>> from se_probe.models import create_model
    >>> _ = torch.manual_seed(0)
    >>> model, images = create_model("se_lenet", 10).train(), torch.rand(4, 1, 28, 28)
    >>> with GateMonitor(model, images, lambda numbers, step: print(step), every=2):
    ...     for _ in range(4):
    ...         loss = model(images).logsumexp(1).sum()
    2
    4
    """

    def __init__(
        self,
        model: nn.Module,
        sample: Tensor,
        log: Log | None = None,
        *,
        every: int | None = 100,
        group: torch.distributed.ProcessGroup | None = None,
    ) -> None:
        if every is not None and every < 1:
            raise UsageError(f"expected every at least 1 batch, got {every}")
        _refuse_compiled(model)
        self.model, self.log, self.every = unwrap(model), log, every
        self.blocks = find_se_blocks(self.model, sample)
        self.n_batches = 0
        self._group = _process_group(model) if group is None else group
        self._sums: Tensor | None = None
        self._counts = np.zeros(2)  # images, and batches, since the last log
        self._is_varied: Tensor | bool = False  # whether images of a batch differed
        self._warned: set[tuple[str, str]] = set()
        self._hooks = ExitStack()

    def __enter__(self) -> "GateMonitor":
        capture = self._hooks.enter_context(capture_gates(self.model, self.blocks))
        begin = self.model.register_forward_pre_hook(lambda *_: capture.forget())
        end = self.model.register_forward_hook(self._end_of(capture))
        self._hooks.enter_context(begin)
        self._hooks.enter_context(end)
        return self

    def __exit__(self, *_: object) -> None:
        self._hooks.close()

    def summary(self) -> xr.Dataset:
        """How the blocks were since the last log.

        Returns
        -------
        xr.Dataset, dims (block,)
            `mean` of the gates; `sd`, their standard deviation over the images of a
            batch (root of the mean variance of a block's channels); `input_dependence`
            as in :func:`~se_probe.stats.input_dependence`, with the variance within
            batches, so that the training of the weights does not count as one;
            `saturated_closed` and `saturated_open`, the shares of gates within 0.05 of
            0 and of 1 (NaN for gates that do not end there). NaN before the first
            batch. `n_images`, `n_batches`, and `images_differ`, whether there were two
            different images in one batch, are attributes.
        """
        sums, (n_images, n_batches, n_varied) = self._gathered()
        names = [block.name for block in self.blocks]
        widths = [block.channels for block in self.blocks]
        starts = np.cumsum([0, *widths[:-1]])
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums["gate"] / n_images
            spread = sums["squared_deviation"]
            variance, second = spread / n_images, mean**2 + spread / n_images

            def by_block(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
                return np.add.reduceat(values, starts)

            columns = {
                "mean": by_block(mean) / widths,
                "sd": np.sqrt(by_block(spread / (n_images - n_batches)) / widths),
                "input_dependence": by_block(variance) / by_block(second),
                "saturated_closed": by_block(sums["closed"] / n_images) / widths,
                "saturated_open": by_block(sums["open"] / n_images) / widths,
            }
        is_ended = np.array([ends_at_0_and_1(block.facts()) for block in self.blocks])
        for end in ("saturated_closed", "saturated_open"):
            columns[end] = np.where(is_ended, columns[end], np.nan)
        return xr.Dataset(
            {name: ("block", values) for name, values in columns.items()},
            coords={"block": names},
            attrs={
                "n_images": int(n_images),
                "n_batches": int(n_batches),
                "images_differ": bool(n_varied),
            },
        )

    def tell(self) -> xr.Dataset:
        """Log how the blocks were since the last log, warn where one is in trouble.

        The numbers then start over. Under ``DistributedDataParallel`` every process
        has to call it, and the process of rank 0 logs.

        Returns
        -------
        xr.Dataset, dims (block,)
            As of :meth:`summary`.
        """
        summary = self.summary()
        self._sums, self._counts, self._is_varied = None, np.zeros(2), False
        if self._group is not None and torch.distributed.get_rank(self._group) != 0:
            return summary
        self._warn(summary)
        if self.log is not None:
            self.log(_flat(summary), self.n_batches)
        return summary

    def _end_of(self, capture: GateCapture) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if not module.training:
                return
            self._add(_gates_of(capture), _has_different_rows(args))
            self.n_batches += 1
            if self.every is not None and self.n_batches % self.every == 0:
                self.tell()

        return hook

    @torch.no_grad()
    def _add(self, gates: Tensor, is_varied: Tensor) -> None:
        # Mixed precision gates have too few digits for sums.
        gates = gates.float()
        # About the batch's own mean: rounding costs little where gates hardly move.
        variance, mean = torch.var_mean(gates, dim=0, correction=0)
        ends = (gates <= MARGIN, gates >= 1 - MARGIN)
        counts = [end.sum(dim=0, dtype=torch.float32) for end in ends]
        sums = torch.stack([mean * len(gates), variance * len(gates), *counts])
        self._sums = sums if self._sums is None else self._sums.add_(sums)
        self._counts += len(gates), 1
        # On the device: asking for its value would wait for the batch.
        self._is_varied = is_varied | self._is_varied

    def _gathered(
        self,
    ) -> tuple[dict[str, npt.NDArray[np.float64]], npt.NDArray[np.float64]]:
        """Sums and counts of all processes, on the CPU."""
        n_channels = sum(block.channels for block in self.blocks)
        sums = self._sums if self._sums is not None else torch.zeros(4, n_channels)
        numbers = [*self._counts, float(self._is_varied)]
        counts = torch.tensor(numbers, dtype=torch.float32, device=sums.device)
        if self._group is not None:
            sums = sums.clone()
            torch.distributed.all_reduce(sums, group=self._group)
            torch.distributed.all_reduce(counts, group=self._group)
        rows = dict(zip(_SUMS, sums.double().cpu().numpy(), strict=True))
        return rows, counts.double().cpu().numpy()

    def _warn(self, summary: xr.Dataset) -> None:
        for what, is_so in _troubles(summary).items():
            new = [
                str(name)
                for name in summary["block"].values[is_so.values]
                if (str(name), what) not in self._warned
            ]
            self._warned.update((name, what) for name in new)
            if new:
                warnings.warn(
                    f"after {self.n_batches:,} batches the gates of {', '.join(new)} "
                    f"are {what}",
                    stacklevel=2,
                )


def _troubles(summary: xr.Dataset) -> Mapping[str, xr.DataArray]:
    # Equal images, or one a batch, have equal gates, which says nothing of the block.
    is_constant = summary["input_dependence"] < _CONSTANT
    collapsed = is_constant & summary.attrs["images_differ"]
    return {
        "the same for different images: collapsed": collapsed,
        "saturated at 0 (more than 95 % of them)": summary["saturated_closed"]
        > _NEARLY_ALL,
        "saturated at 1 (more than 95 % of them)": summary["saturated_open"]
        > _NEARLY_ALL,
    }


def _gates_of(capture: GateCapture) -> Tensor:
    """Gates of the pass that has ended, or the reason why they were not seen."""
    try:
        return capture.take()
    except BlockError as error:
        raise BlockError(
            f"{error}. If the network was compiled and run before it was watched, its "
            "code takes no further hooks: begin to watch before the first run"
        ) from error


def _has_different_rows(args: tuple[Any, ...]) -> Tensor:
    """Whether the network was shown different images; yes where that is not known."""
    if not args or not isinstance(args[0], Tensor):
        return torch.tensor(True)
    images = args[0].detach()
    return (images[1:] != images[:1]).any()


def _flat(summary: xr.Dataset) -> dict[str, float]:
    """Numbers by name, without those that are not known."""
    return {
        f"gates/{block}/{name}": float(value)
        for name, values in summary.data_vars.items()
        for block, value in zip(summary["block"].values, values.values, strict=True)
        if not np.isnan(value)
    }


def _process_group(model: nn.Module) -> Any:
    is_distributed = isinstance(model, nn.parallel.DistributedDataParallel)
    return model.process_group if is_distributed else None


def _refuse_compiled(model: nn.Module) -> None:
    compiled = [
        module
        for module in model.modules()
        if hasattr(module, "_orig_mod")
        or getattr(module, "_compiled_call_impl", None) is not None
    ]
    if compiled:
        raise UsageError(
            f"{type(compiled[0]).__name__} is compiled, and compiled code takes no "
            "further hooks. Give the network itself, and begin to watch it before "
            "the compiled one runs first: with GateMonitor(model, ...), then "
            "torch.compile(model)"
        )

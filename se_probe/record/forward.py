"""Run a network over batches of inputs; gates and predictions come back."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from se_probe.blocks import FoundBlock, as_written, capture_gates, unwrap
from se_probe.record.maps import MapCapture
from se_probe.running import (
    Inputs,
    Precision,
    autocast,
    call_network,
    class_scores,
    describe_output,
    evaluating,
    n_samples,
    to_device_of,
)

__all__ = ["Results", "running_network"]


@dataclass(frozen=True, eq=False)
class Results:
    """What a network gave for one batch.

    Parameters
    ----------
    gates : np.ndarray, shape (batch, n_channels), float32
    predicted : np.ndarray, shape (batch,), int64
        Index of the highest class score; -1 where there is none.
    is_nan : np.ndarray, shape (batch,), bool
        Images to which the network gave NaN as a class score.
    context : mapping of str to np.ndarray, each of shape (batch, n_channels), float32
        What was asked for beside the gates.
    """

    gates: npt.NDArray[np.float32]
    predicted: npt.NDArray[np.int64]
    is_nan: npt.NDArray[np.bool_]
    context: Mapping[str, npt.NDArray[np.float32]]


@contextmanager
def running_network(
    model: nn.Module,
    blocks: Sequence[FoundBlock],
    n_classes: int,
    *,
    precision: Precision,
    compile: bool,
    context: Sequence[str] = (),
) -> Iterator[Callable[[Inputs], Results]]:
    """Context that turns batches of inputs into gates and predictions.

    A network of which no output holds scores of `n_classes` classes gives gates without
    predictions, which is said once, as a warning.

    Parameters
    ----------
    model : nn.Module
    blocks : sequence of FoundBlock
    n_classes : int
        Classes that the network knows.
    precision : {"fp32", "bf16"}
    compile : bool
    context : sequence of {"squeeze", "energy"}
        What to take of the feature maps that the gates scale.

    Yields
    ------
    callable
        From the inputs of a batch to :class:`Results`.
    """
    model = unwrap(model)
    parameter = next(model.parameters())
    predict = _Predictions(n_classes)
    maps = MapCapture(blocks, context)
    with (
        evaluating(model),
        nullcontext() if compile else as_written(),
        maps.watching(model),
        capture_gates(model, blocks) as capture,
    ):
        forward = _compiled(model) if compile else model

        def run(inputs: Inputs) -> Results:
            with torch.inference_mode(), autocast(parameter.device, precision):
                output = call_network(forward, to_device_of(model, inputs))
            gates = capture.take(n_samples(inputs)).float().cpu().numpy()
            predicted, is_nan = predict(output, n_samples(inputs))
            return Results(gates, predicted, is_nan, maps.take())

        yield run


class _Predictions:
    """Predicted classes of batch after batch."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes, self.has_warned = n_classes, False

    def __call__(
        self, output: Any, n_images: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        scores = class_scores(output, self.n_classes, batch_size=n_images)
        if scores is None:
            self._warn(output)
            return np.full(n_images, -1), np.zeros(n_images, bool)
        is_nan = scores.isnan().any(dim=1)
        best = scores.argmax(dim=1).masked_fill(is_nan, -1)
        return best.cpu().numpy().astype(np.int64), is_nan.cpu().numpy()

    def _warn(self, output: Any) -> None:
        if not self.has_warned:
            self.has_warned = True
            what = f"scores of its {self.n_classes} classes"
            if not self.n_classes:
                what = "class scores, as far as is known"
            warnings.warn(
                f"no output of the network holds {what} (it gave "
                f"{describe_output(output)}), so gates are recorded without "
                "predictions",
                stacklevel=2,
            )


def _compiled(model: nn.Module) -> Callable[..., Any]:
    # Compiled code of another model of the same class would be used again without its
    # hooks (https://github.com/pytorch/pytorch/pull/98371), so Dynamo starts afresh.
    torch.compiler.reset()
    compiled: Callable[..., Any] = torch.compile(model)
    return compiled

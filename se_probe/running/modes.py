"""How a network runs: evaluation mode and number type."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import nn

__all__ = ["Precision", "autocast", "evaluating"]

Precision = Literal["fp32", "bf16"]


@contextmanager
def evaluating(*models: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the `with`; afterwards each module's own mode again.

    Parameters
    ----------
    *models : nn.Module

    Examples
    --------
    >>> model = nn.Sequential(nn.Dropout(), nn.Linear(2, 2).eval())
    >>> with evaluating(model):
    ...     model.training, model[0].training
    (False, False)
    >>> model.training, model[0].training, model[1].training
    (True, True, False)
    """
    modes = {module: module.training for model in models for module in model.modules()}
    try:
        for model in models:
            _evaluate(model)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _evaluate(model: nn.Module) -> None:
    try:
        model.eval()
    except NotImplementedError:  # an exported program stays in the mode it has
        for module in model.modules():
            module.training = False


def autocast(
    device: torch.device, precision: Precision
) -> AbstractContextManager[Any, bool | None]:
    """Context in which networks compute with the given precision.

    Parameters
    ----------
    device : torch.device
    precision : {"fp32", "bf16"}
        "bf16" is torch's autocast: convolutions and matrix products in bfloat16, what
        needs more digits in float32.

    Returns
    -------
    context manager
    """
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)

"""Multiply frozen gates into the weights of a layer."""

import torch
from torch import Tensor, nn

from se_probe.pruning.flow import Fold

__all__ = ["fold_into"]


def fold_into(model: nn.Module, fold: Fold, gates: Tensor) -> None:
    r"""Multiply constant gates into a layer, in place.

    With :math:`g` the gates of the channels, a batch norm before them becomes

    .. math:: g_c (\gamma_c \hat{x}_c + \beta_c) = g_c \gamma_c \hat{x}_c + g_c \beta_c

    and a convolution or linear layer behind them

    .. math:: \sum_c w_{oc} * (g_c x_c) = \sum_c (g_c w_{oc}) * x_c

    Parameters
    ----------
    model : nn.Module
    fold : Fold
    gates : Tensor, shape (channels,)
        The product is computed in their number type and rounded once.
    """
    for name in fold.parameters:
        parameter = model.get_parameter(name)
        factors = gates.to(parameter.device)
        if fold.repeats is not None:
            per_input = factors.repeat_interleave(fold.repeats)
            factors = _per_weight(per_input, parameter.shape)
        with torch.no_grad():
            parameter.copy_(parameter * factors)


def _per_weight(per_input: Tensor, shape: torch.Size) -> Tensor:
    """Factor of each weight; with groups, weights see only the inputs of theirs."""
    n_outputs, n_inputs = shape[:2]
    n_groups = len(per_input) // n_inputs
    rows = per_input.view(n_groups, n_inputs).repeat_interleave(
        n_outputs // n_groups, 0
    )
    return rows.view(n_outputs, n_inputs, *(1 for _ in shape[2:]))

"""Optimizer and learning rate of a recipe, by timm; what is not trained."""

import torch
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from timm.scheduler import (  # type: ignore[attr-defined]
    CosineLRScheduler,
    StepLRScheduler,
)
from timm.scheduler.scheduler import Scheduler
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from se_probe.training.recipes import Recipe

__all__ = ["freeze_batch_norm", "make_optimizer", "make_schedule"]


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Optimizer of a recipe, without weight decay on biases and norms.

    Parameters
    ----------
    model : nn.Module
    recipe : Recipe

    Returns
    -------
    torch.optim.Optimizer
    """
    # timm's "sgd" is Nesterov's, which needs momentum; its "momentum" is not.
    without_momentum = recipe.optimizer == "sgd" and not recipe.momentum
    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        model,
        "momentum" if without_momentum else recipe.optimizer,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
    )
    return optimizer


def make_schedule(
    optimizer: torch.optim.Optimizer, recipe: Recipe, n_steps: int
) -> Scheduler:
    """Learning rate as a function of the step alone, so that it has no state.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    recipe : Recipe
    n_steps : int
        In one epoch.

    Returns
    -------
    timm.scheduler.scheduler.Scheduler
        Its ``step_update(k)`` sets the rate of step `k` of the run, from 0.
    """
    n_warmup = recipe.warmup_epochs * n_steps
    n_after = (recipe.epochs - recipe.warmup_epochs) * n_steps
    lr_first = recipe.lr / max(n_warmup, 1)
    if recipe.schedule == "cosine":
        return CosineLRScheduler(
            optimizer,
            t_initial=n_after,
            warmup_t=n_warmup,
            warmup_lr_init=lr_first,
            warmup_prefix=True,
            t_in_epochs=False,
        )
    return StepLRScheduler(
        optimizer,
        decay_t=n_after,
        decay_rate=1.0,
        warmup_t=n_warmup,
        warmup_lr_init=lr_first,
        warmup_prefix=True,
        t_in_epochs=False,
    )


def freeze_batch_norm(model: nn.Module) -> None:
    """Let batch norms use their running statistics and leave them as they are.

    Until the next ``model.train()``. Their weights and biases are trained.
    """
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()

"""Whether two networks compute the same, seen on images of noise."""

import torch
from torch import Tensor, nn

from se_probe.checkpoints import Network
from se_probe.errors import UsageError
from se_probe.running import class_scores, describe_output, evaluating

__all__ = ["TOLERANCE", "largest_difference", "logits_of", "noise_images"]

# Of what is the same up to rounding; a gate in a wrong place shows in the first digit.
TOLERANCE = 1e-3


def noise_images(network: Network) -> Tensor:
    """Two images of noise that a network can take.

    Returns
    -------
    Tensor, shape (2, channels, height, width)
        Always the same numbers, on the network's device and in its number type.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, *network.preprocessing.input_size, generator=generator)
    parameter = next(p for p in network.model.parameters() if p.is_floating_point())
    return noise.to(parameter.device, parameter.dtype)


def logits_of(model: nn.Module, images: Tensor) -> Tensor:
    """Logits of a batch in evaluation mode.

    Returns
    -------
    Tensor, shape (batch, classes)

    Raises
    ------
    UsageError
        If the output holds no class scores.
    """
    with evaluating(model), torch.no_grad():
        output = model(images)
    scores = output if isinstance(output, Tensor) else class_scores(output)
    if scores is None:
        raise UsageError(
            "pruned and original networks are compared by their class scores, and "
            f"{type(model).__name__} gave {describe_output(output)}"
        )
    return scores


def largest_difference(logits: Tensor, expected: Tensor) -> float:
    """Largest difference of two networks' logits, as a share of the largest logit.

    Returns
    -------
    float
        0 where they are equal bit for bit; infinite where either has a NaN.

    Examples
    --------
    >>> largest_difference(torch.tensor([2.0, 4.0]), torch.tensor([2.0, 5.0]))
    0.2
    """
    difference = (logits.double() - expected.double()).abs().max()
    share = float(difference / expected.double().abs().max().clamp(min=1e-30))
    return share if share == share else float("inf")

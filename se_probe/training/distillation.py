"""Learn from the answers of another network as well as from labels."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional

from se_probe.checkpoints import Network, weights_sha256
from se_probe.errors import UsageError

__all__ = ["Distillation", "softened_divergence"]


@dataclass(frozen=True, eq=False)
class Distillation:
    """A teacher whose answers are learned beside the labels.

    The loss is (1 - weight) times the cross-entropy with the labels, plus weight times
    :func:`softened_divergence`.

    Parameters
    ----------
    teacher : Network
        With the classes and the preprocessing of the network that learns, on its
        device.
    weight : float, default 0.5
        From above 0 to 1, which leaves the labels out.
    temperature : float, default 2.0
        What logits are divided by; the higher, the more the small probabilities count.

    Raises
    ------
    UsageError
        If a setting is invalid.

    References
    ----------
    Hinton, Vinyals, Dean. Distilling the Knowledge in a Neural Network. 2015.
    https://arxiv.org/abs/1503.02531
    """

    teacher: Network
    weight: float = 0.5
    temperature: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise UsageError(
                "the weight of distillation is above 0 and at most 1, got "
                f"{self.weight:g}"
            )
        if not 0 < self.temperature < float("inf"):
            raise UsageError(
                f"a temperature is a number above 0, got {self.temperature:g}"
            )

    def facts(self) -> dict[str, Any]:
        """What changes the numbers of a run, in plain JSON types."""
        return {
            "teacher": weights_sha256(self.teacher.model),
            "weight": self.weight,
            "temperature": self.temperature,
        }


def softened_divergence(
    teacher: Tensor, student: Tensor, temperature: float = 2.0
) -> Tensor:
    """Mean KL(teacher || student) of softened predictions, times temperature squared.

    The factor keeps the size of its gradients when the temperature changes.

    Parameters
    ----------
    teacher, student : Tensor, shape (batch, classes)
        Logits.
    temperature : float, default 2.0

    Returns
    -------
    Tensor, shape ()
        In nats.

    Examples
    --------
    >>> import torch
    >>> logits = torch.tensor([[1.0, 3.0]])
    >>> softened_divergence(logits, logits).item()
    0.0
    """
    log_p, log_q = (
        functional.log_softmax(logits / temperature, dim=1)
        for logits in (teacher, student)
    )
    divergence = functional.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return divergence * temperature**2

"""The squeeze-and-excitation block, with the variants that its paper compares."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from torch import Tensor, nn

from se_probe.errors import UsageError

__all__ = ["Gate", "SEBlock", "Squeeze"]

Squeeze = Literal["avg", "max", "none"]
Gate = Literal["sigmoid", "tanh", "relu", "hardsigmoid"]


class SEBlock(nn.Module):
    r"""Squeeze, excitation and scale of a feature map.

    The feature map :math:`u` has C channels of H x W. The squeeze (equation 2) is one
    number per channel, the excitation (equation 3) turns the C numbers into C gates,
    and the scale (equation 4) multiplies each channel by its gate:

    .. math::

        z_c &= \frac{1}{H W} \sum_{i=1}^{H} \sum_{j=1}^{W} u_c(i, j) \\
        s &= \sigma(W_2 \, \delta(W_1 z)) \\
        \tilde{x}_c &= s_c u_c

    with :math:`\delta` the ReLU, :math:`\sigma` the sigmoid, :math:`W_1` of shape
    (C/r, C) and :math:`W_2` of shape (C, C/r). The two layers are 1x1 convolutions,
    which on a 1x1 map are the same as fully connected ones.

    Parameters
    ----------
    channels : int
        C, channels of the feature map.
    reduction : int, default 16
        r; the hidden layer has ``max(channels // reduction, 1)`` channels.
    squeeze : {"avg", "max", "none"}
        Mean or maximum of each channel (table 11). "none" is the paper's NoSqueeze
        (section 7.1): the two layers run as 1x1 convolutions over the whole map, and
        every position gets its own gate.
    gate : {"sigmoid", "tanh", "relu", "hardsigmoid"}
        The last function of the excitation (table 12).
    bias : bool, default True
        Whether the two layers have biases. The released networks have them; the
        paper's ablations (section 6) do not.

    Raises
    ------
    UsageError
        If `channels` or `reduction` is below 1, or `squeeze` or `gate` is none of the
        above.

    Notes
    -----
    A forward hook on the child `gate` sees the gates exactly as they are multiplied:
    shape (batch, channels, 1, 1), or (batch, channels, height, width) without a
    squeeze. Parameters are named as in timm: `fc1`, `fc2`.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, sections 3.1 to 3.3. https://arxiv.org/abs/1709.01507

    Examples
    --------
    >>> import torch
    >>> block = SEBlock(64, reduction=16, bias=False)
    >>> sum(p.numel() for p in block.parameters())  # 2 C^2 / r
    512
    >>> block(torch.ones(2, 64, 7, 7)).shape
    torch.Size([2, 64, 7, 7])
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        squeeze: Squeeze = "avg",
        gate: Gate = "sigmoid",
        bias: bool = True,
    ) -> None:
        super().__init__()
        if channels < 1 or reduction < 1:
            raise UsageError(
                "an SE block needs at least 1 channel and a reduction ratio of at "
                f"least 1, got channels={channels} and reduction={reduction}"
            )
        hidden = max(channels // reduction, 1)
        self.squeeze = _choose("squeeze", squeeze, _SQUEEZES)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=bias)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=bias)
        self.gate = _choose("gate", gate, _GATES)

    def forward(self, x: Tensor) -> Tensor:
        """Feature map with each channel multiplied by its gate.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, height, width)

        Returns
        -------
        Tensor, shape (batch, channels, height, width)
        """
        hidden = self.relu(self.fc1(self.squeeze(x)))
        gate: Tensor = self.gate(self.fc2(hidden))
        return x * gate


def _choose(
    what: str, name: str, choices: Mapping[str, Callable[[], nn.Module]]
) -> nn.Module:
    if name not in choices:
        raise UsageError(f"{what} is one of {', '.join(choices)}, got {name!r}")
    return choices[name]()


_SQUEEZES: dict[str, Callable[[], nn.Module]] = {
    "avg": partial(nn.AdaptiveAvgPool2d, 1),
    "max": partial(nn.AdaptiveMaxPool2d, 1),
    "none": nn.Identity,
}
_GATES: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "hardsigmoid": nn.Hardsigmoid,
}

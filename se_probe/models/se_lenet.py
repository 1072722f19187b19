"""SE-LeNet: the smallest network worth looking at, 28x28 grey images, one SE block."""

from torch import Tensor, nn

from se_probe.models.se_block import Gate, SEBlock, Squeeze

__all__ = ["SELeNet"]


class SELeNet(nn.Module):
    """LeNet-5 with one SE block after the second convolution.

    ====================  ==========  ==========
    layer                 output      parameters
    ====================  ==========  ==========
    convolution 5x5       6 x 24x24          156
    max pool 2x2          6 x 12x12
    convolution 5x5       16 x 8x8         2,416
    SE block, r = 4       16 x 8x8           128
    max pool 2x2          16 x 4x4
    linear                120             30,840
    linear                84              10,164
    linear                10                 850
    ====================  ==========  ==========

    44,554 parameters and 281,768 multiply-adds in all. A ReLU follows each
    convolution and each linear layer but the last.

    Parameters
    ----------
    num_classes : int, default 10
    reduction, bias, squeeze, gate
        As in :class:`~se_probe.models.SEBlock`; by default reduction 4 and no bias.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner. Gradient-based learning applied to document
    recognition. Proceedings of the IEEE 1998, section II.B.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        reduction: int = 4,
        bias: bool = False,
        squeeze: Squeeze = "avg",
        gate: Gate = "sigmoid",
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.se = SEBlock(16, reduction, squeeze, gate, bias)
        self.pool = nn.MaxPool2d(2)
        self.relu = nn.ReLU()
        self.fc1 = nn.Linear(16 * 4 * 4, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch of images.

        Parameters
        ----------
        x : Tensor, shape (batch, 1, 28, 28)

        Returns
        -------
        Tensor, shape (batch, num_classes)
        """
        x = self.pool(self.relu(self.conv1(x)))
        x = self.relu(self.conv2(x))
        x = self.pool(self.se(x)).flatten(1)
        x = self.relu(self.fc2(self.relu(self.fc1(x))))
        logits: Tensor = self.fc3(x)
        return logits

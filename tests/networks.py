"""Small networks that several tests share."""

from torch import nn

from se_probe.models import SEBlock


class Unit(nn.Module):
    """Convolution, batch norm, dropout and an SE block."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1)
        self.bn, self.drop = nn.BatchNorm2d(n_out), nn.Dropout(0.5)
        self.se = SEBlock(n_out, reduction=2)

    def forward(self, x):
        return self.se(self.drop(self.bn(self.conv(x))).relu())


class TinyNet(nn.Module):
    """Two blocks, SE_2_1 and SE_3_1, of 4 and 6 channels."""

    def __init__(self, n_classes: int = 4):
        super().__init__()
        self.layer1 = nn.Sequential(Unit(3, 4))
        self.layer2 = nn.Sequential(Unit(4, 6))
        self.head = nn.Linear(6, n_classes)

    def forward(self, x):
        return self.head(self.layer2(self.layer1(x)).mean((2, 3)))

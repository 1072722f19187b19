"""A network with two inputs and data sets of its samples, in the forms people have."""

import torch
from torch import nn

from se_probe.models import SEBlock

N_SAMPLES, SIDE = 40, 8
CLASSES = ("few", "many", "none")


class FusionNet(nn.Module):
    """A picture with one SE block, and a table row that is laid beside its channels."""

    def __init__(self, num_classes: int = 3):
        super().__init__()
        self.conv, self.se = nn.Conv2d(2, 8, 3, padding=1), SEBlock(8, 4)
        self.table, self.kinds = nn.Linear(5, 4), nn.Embedding(7, 4)
        self.fc = nn.Linear(16, num_classes)

    def forward(self, row, image, kind):
        image = self.se(self.conv(image).relu()).mean((2, 3))
        return self.fc(torch.cat([self.table(row), image, self.kinds(kind)], 1))


def fusion_net() -> FusionNet:
    torch.manual_seed(0)
    model = FusionNet().eval()
    for parameter in model.se.parameters():  # begins without a gating effect
        nn.init.normal_(parameter)
    return model


def drawn() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows, images and kinds of all samples, and their classes."""
    generator = torch.Generator().manual_seed(1)
    targets = torch.arange(N_SAMPLES) % 3
    rows = torch.randn(N_SAMPLES, 5, generator=generator)
    images = torch.randn(N_SAMPLES, 2, SIDE, SIDE, generator=generator)
    kinds = torch.randint(7, (N_SAMPLES,), generator=generator)
    return rows, images + targets[:, None, None, None], kinds, targets


class Samples(torch.utils.data.Dataset):
    """Samples in a form that a function makes of (row, image, kind, class)."""

    classes = CLASSES

    def __init__(self, form):
        self.form, self.columns = form, drawn()

    def __len__(self):
        return N_SAMPLES

    def __getitem__(self, number):
        return self.form(*(column[number] for column in self.columns))


def as_tuple(row, image, kind, target):
    return (row, image, kind), int(target)


def as_dict(row, image, kind, target):
    """In another order than the network's arguments, with what is no input."""
    named = {"kind": kind, "image": image, "row": row}
    return {"id": torch.tensor(7), "path": "a.png", "labels": target, **named}


def tuples() -> Samples:
    return Samples(as_tuple)


def dicts() -> Samples:
    return Samples(as_dict)

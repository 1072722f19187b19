"""Random crops and flips of an image in an epoch, wherever in a batch it comes."""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["crop_and_flip", "draw_shifts_and_flips"]


def draw_shifts_and_flips(
    n_images: int, padding: int, flip: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Crop and flip of every image of an epoch.

    Parameters
    ----------
    n_images : int
    padding : int
        Pixels that an image can move by.
    flip : bool
    generator : torch.Generator

    Returns
    -------
    shifts : Tensor, shape (n_images, 2), int64
        Upper and left edge of the crop in the padded image, 0 to ``2 * padding``.
    flips : Tensor, shape (n_images,), bool
    """
    high = 2 * padding + 1
    # Row by row: what an image gets does not depend on how many follow it.
    draws = torch.randint(2 * high * high, (n_images,), generator=generator)
    shifts = torch.stack((draws // 2 // high, draws // 2 % high), dim=1)
    return shifts, draws % 2 == 1 if flip else torch.zeros(n_images, dtype=torch.bool)


def crop_and_flip(
    pixels: Tensor, padding: int, shifts: Tensor, flips: Tensor
) -> Tensor:
    """Images moved within a border of zeros, and mirrored.

    Parameters
    ----------
    pixels : Tensor, shape (batch, channels, height, width)
        Preprocessed, so that zero is the mean colour.
    padding : int
    shifts : Tensor, shape (batch, 2)
    flips : Tensor, shape (batch,), bool
        As of :func:`draw_shifts_and_flips`.

    Returns
    -------
    Tensor, shape (batch, channels, height, width)
        In channels-last memory.

    Examples
    --------
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> crop_and_flip(image, 1, torch.tensor([[2, 1]]), torch.tensor([True]))
    tensor([[[[4., 3.],
              [0., 0.]]]])
    """
    height, width = pixels.shape[2:]
    padded = functional.pad(pixels, (padding,) * 4)
    rows = shifts[:, :1] + torch.arange(height, device=pixels.device)
    columns = torch.arange(width, device=pixels.device)
    columns = torch.where(flips[:, None], columns.flip(0), columns) + shifts[:, 1:]
    images = torch.arange(len(pixels), device=pixels.device)
    # Indices on both sides of the slice put their dims first: (batch, height, width,
    # channels).
    chosen = padded[images[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return chosen.permute(0, 3, 1, 2)

"""How the axes of a product are to be read: samples, channels, positions."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Layout", "Place", "is_one_position", "possible_layouts"]


@dataclass(frozen=True)
class Layout:
    """Which axis of a feature map holds the samples, and which one the channels.

    All other axes are positions: one, two or three of them.

    Attributes
    ----------
    samples, channels : int
        Positions of the axes; -1 is the last. Equal where both lie in one axis, sample
        after sample, as after ``x.view(B * C, -1)``.
    """

    samples: int = 0
    channels: int = 1

    def rows(self, factor: Tensor, n_channels: int) -> Tensor:
        """One number per sample and channel of a factor that is alike at all positions.

        Parameters
        ----------
        factor : Tensor
            With the axes of the feature map.
        n_channels : int

        Returns
        -------
        Tensor, shape (samples, channels)
            A view of the factor's own memory.
        """
        for axis in reversed(self._others(factor.ndim)):
            factor = factor.select(axis, 0)
        if self._channels_first(factor.ndim):
            factor = factor.transpose(0, 1)
        return factor.reshape(-1, n_channels)

    def channels_second(self, feature_map: Tensor, n_channels: int) -> Tensor:
        """View of shape (samples, channels, positions ...)."""
        if self.samples == self.channels:
            rest = feature_map.shape[self.channels + 1 :]
            return feature_map.reshape(-1, n_channels, *rest)
        return feature_map.movedim((self.samples, self.channels), (0, 1))

    def spread(self, rows: Tensor, factor: Tensor) -> Tensor:
        """Rows in the axes, the shape and the number type of a factor.

        Parameters
        ----------
        rows : Tensor, shape (samples, channels)
        factor : Tensor
            The one that :meth:`rows` were or could be taken from.

        Returns
        -------
        Tensor
            Of the factor's shape; its positions share memory.
        """
        sides = [1] * factor.ndim
        for axis in {self.samples % factor.ndim, self.channels % factor.ndim}:
            sides[axis] = factor.shape[axis]
        if self._channels_first(factor.ndim):
            rows = rows.transpose(0, 1)
        return rows.to(factor).reshape(sides).expand(factor.shape)

    def n_channels(self, feature_map: Tensor, n_samples: int) -> int:
        """How many channels a feature map has."""
        if self.samples == self.channels:
            return feature_map.shape[self.channels] // n_samples
        return feature_map.shape[self.channels]

    def _channels_first(self, n_axes: int) -> bool:
        """Whether the channels stand before the samples."""
        return self.channels % n_axes < self.samples % n_axes

    def _others(self, n_axes: int) -> list[int]:
        taken = {self.samples % n_axes, self.channels % n_axes}
        return [axis for axis in range(n_axes) if axis not in taken]


@dataclass(frozen=True)
class Place:
    """Where a network multiplies by a gate.

    Attributes
    ----------
    path : str
        The innermost module that runs.
    occurrence : int
        Which of its multiplications.
    factor : int
        Which of the two factors is the gate.
    layout : Layout
    """

    path: str
    occurrence: int
    factor: int
    layout: Layout


_TOGETHER = (Layout(0, 0), Layout(1, 1))
_APART = (Layout(0, 1), Layout(0, -1))


def possible_layouts(
    feature_map: Tensor, factor: Tensor, n_samples: int
) -> Iterator[tuple[Layout, bool]]:
    """Ways to read a product as a feature map times one number per channel.

    Parameters
    ----------
    feature_map, factor : Tensor
        With the same number of axes.
    n_samples : int
        In the batch.

    Yields
    ------
    Layout
    bool
        Whether the shape says it: the factor has one number for all positions. Else it
        holds the same number at each of them, while the map does not.
    """
    for layout in _candidates(feature_map, factor, n_samples):
        n_axes = feature_map.ndim
        own = {layout.samples % n_axes, layout.channels % n_axes}
        others = [axis for axis in range(n_axes) if axis not in own]
        has_own = all(factor.shape[axis] == feature_map.shape[axis] for axis in own)
        n_positions = torch.Size(feature_map.shape[axis] for axis in others).numel()
        too_few = layout.n_channels(feature_map, n_samples) < 2
        if not has_own or too_few or n_positions == 1:
            continue
        if all(factor.shape[axis] == 1 or factor.stride(axis) == 0 for axis in others):
            yield layout, True
        elif _is_alike(factor, others) and not _is_alike(feature_map, others):
            yield layout, False


def _candidates(
    feature_map: Tensor, factor: Tensor, n_samples: int
) -> Iterator[Layout]:
    length, n_axes = len(feature_map), feature_map.ndim
    if 3 <= n_axes <= 5 and length % n_samples == 0:
        yield from _APART
    if 3 <= n_axes <= 5:
        yield from _elsewhere(factor, n_samples)
    if 2 <= n_axes <= 4 and length % n_samples == 0 and length > n_samples:
        yield _TOGETHER[0]
    if 3 <= n_axes <= 5 and length == 1 and feature_map.shape[1] % n_samples == 0:
        yield _TOGETHER[1]


def _elsewhere(factor: Tensor, n_samples: int) -> Iterator[Layout]:
    """Samples or channels on another axis, where the shape of a factor says it."""
    sides = enumerate(zip(factor.shape, factor.stride(), strict=True))
    axes = [axis for axis, (side, step) in sides if side > 1 and step]
    if len(axes) != 2:
        return
    for samples, channels in (axes, axes[::-1]):
        is_usual = samples == 0 and channels in {1, factor.ndim - 1}
        if factor.shape[samples] == n_samples and not is_usual:
            yield Layout(samples, channels)


def _is_alike(tensor: Tensor, axes: list[int]) -> bool:
    """Whether a tensor holds the same number everywhere along some axes."""
    tensor = tensor.detach()
    first = tensor
    for axis in axes:
        first = first.narrow(axis, 0, 1)
    # Interpolation of one number to many rounds some of them.
    return torch.allclose(tensor, first.expand_as(tensor), rtol=1e-5, atol=1e-8)


def is_one_position(feature_map: Tensor, factor: Tensor) -> bool:
    """Whether both could be map and gate, were the map larger than one position."""
    if not 3 <= feature_map.ndim <= 5 or feature_map.shape != factor.shape:
        return False
    n_each = feature_map[0].numel()
    return n_each == max(feature_map.shape[1], feature_map.shape[-1]) > 1

"""What is looked at: block, classes, channel and images, and the views of them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from se_probe.class_names import echo, label_set
from se_probe.errors import (
    ClassNameError,
    GateRecordError,
    SEProbeError,
    UsageError,
)
from se_probe.explore.blocks import BlockStore
from se_probe.gates import block_facts, block_names, match_blocks, recorded
from se_probe.plots import panel_rows
from se_probe.stats import class_moments, require_images
from se_probe.thumbnails import Thumbnails
from se_probe.views import (
    ChannelOrder,
    class_profiles,
    default_blocks,
    default_classes,
    extremes,
    find_classes,
    gates_by_class,
    image_map,
    sorted_rows,
)

__all__ = ["MAX_CLASSES", "Exploration"]

MAX_CLASSES = 20
_N_EXTREMES = 6
_SELECTION = "selected images"

View = TypeVar("View", xr.DataArray, xr.Dataset)


class Exploration:
    """One look at a record: what is chosen, and the views that show it.

    A view is computed when it is asked for, from the block in memory. Nothing here
    knows how it is drawn.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record, finished or not.
    thumbnails : Thumbnails, optional
        Pictures of its images; from where the record says they are by default.
    path : path, optional
        Where the record lies.
    store : BlockStore, optional
        To be shared by several looks at one record.

    Raises
    ------
    GateRecordError
        If no image was recorded.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.5], [0.25], [0.75]]}, ["pug", "cliff", "pug"])
    >>> look = Exploration(gates)
    >>> look.select([2, 0])
    >>> look.selection["class_name"].values.tolist()
    ['pug', 'pug']
    """

    def __init__(
        self,
        record: xr.DataArray,
        thumbnails: Thumbnails | None = None,
        *,
        path: str | Path | None = None,
        store: BlockStore | None = None,
    ) -> None:
        require_images(record)
        self.record = record
        self.path = path
        self.thumbnails = thumbnails or Thumbnails(record)
        self.store = store or BlockStore(record)
        self.blocks = block_names(record)
        self.all_classes = find_classes(record, None)
        self.classes = default_classes(record)
        self.channel_order: ChannelOrder = "index"
        self._predicted = record["predicted"].values
        self._selected = np.zeros(0, np.intp)
        self.block = default_blocks(block_facts(record))[-1]
        self.channel = self._telling_channel()

    @property
    def progress(self) -> str:
        """How many images count, and whether more are still to come."""
        n_done, n_all = int(recorded(self.record).sum()), self.record.sizes["image"]
        n_open = int((self.record["state"].values == 0).sum())
        if n_open:
            return (
                f"{n_done:,} of {n_all:,} images: the record is not finished, and what "
                "was done when it was opened is shown"
            )
        left = f" ({n_all - n_done:,} could not be used)" if n_done < n_all else ""
        return f"{n_done:,} images{left}"

    @property
    def selection(self) -> xr.DataArray:
        """The selected images, as rows of the record; dims (image, channel)."""
        return self.record.isel(image=self._selected)

    @property
    def selected(self) -> npt.NDArray[np.intp]:
        """Positions of the selected images in the record, ascending."""
        return self._selected

    @property
    def highest_channel(self) -> int:
        """Number of the last channel of the chosen block."""
        return self._numbers()[-1]

    def choose_block(self, name: str) -> None:
        """Look at another block.

        Parameters
        ----------
        name : str
            Name or module path of one block.

        Raises
        ------
        BlockNameError
            If no block has that name.
        GateRecordError
            If its gates are damaged, or were removed; the block stays the old one.
        """
        before = self.block
        self.block = match_blocks([name], block_facts(self.record))[0]
        try:
            self.channel = self._telling_channel()
        except GateRecordError:
            self.block = before
            raise

    def choose_classes(self, queries: Sequence[str]) -> list[str]:
        """Look at other classes.

        Parameters
        ----------
        queries : sequence of str
            What :func:`~se_probe.views.find_classes` takes, at most 20.

        Returns
        -------
        list of str
            For each query that is no recorded name itself, what it was taken for.

        Raises
        ------
        ClassNameError
            If one is unknown, ambiguous, or was not recorded.
        UsageError
            If there are none, or too many.
        """
        found = find_classes(self.record, queries)
        if len(found) > MAX_CLASSES:
            raise UsageError(
                f"expected at most {MAX_CLASSES} classes, which curves of their own "
                f"can show, got {len(found)}"
            )
        self.classes = found
        return [_echoed(self.record, query) for query in queries if query not in found]

    def choose_channel(self, channel: int) -> None:
        """Look at another channel of the block.

        Parameters
        ----------
        channel : int
            Position within the block, from 0.

        Raises
        ------
        UsageError
            If the block has no such channel.
        """
        numbers = self._numbers()
        if channel not in numbers:
            raise UsageError(
                f"{self.block} has the channels {numbers[0]} to {numbers[-1]}; got "
                f"{channel}"
            )
        self.channel = channel

    def select(self, rows: Sequence[int] | npt.NDArray[np.integer]) -> None:
        """Select images.

        Parameters
        ----------
        rows : sequence of int
            Positions in the record; those that were not recorded are left out.
        """
        rows = np.unique(np.asarray(rows, dtype=np.intp))
        self._selected = rows[recorded(self.record)[rows]]

    def prepare(self) -> None:
        """Compute every view of what is chosen, so that none is waited for."""
        for view in (self.map, self.profiles, self.rows, self.by_class, self.extremes):
            with suppress(SEProbeError):  # told to who asks for the view
                view()

    def map(self) -> xr.Dataset:
        """See :func:`~se_probe.views.image_map`."""
        return self._view("map", lambda g: image_map(g, self.block))

    def profiles(self) -> xr.Dataset:
        """See :func:`~se_probe.views.class_profiles`."""
        return class_profiles(self._moments(), classes=self.classes, blocks=self.block)

    def selection_profile(self) -> xr.Dataset | None:
        """Profile of the selected images as if they were one class; None of none."""
        if not len(self._selected):
            return None
        rows = self.store.gates(self.block).isel(image=self._selected)
        n = len(self._selected)
        one = {
            "class_name": np.full(n, _SELECTION, dtype=object),
            "wnid": np.full(n, "", dtype=object),
            "class_index": np.full(n, -1),
        }
        alike = rows.assign_coords({k: ("image", v) for k, v in one.items()})
        return class_profiles(class_moments(alike), blocks=self.block)

    def rows(self) -> xr.DataArray:
        """See :func:`~se_probe.views.sorted_rows`."""

        def made(gates: xr.DataArray) -> xr.DataArray:
            return sorted_rows(
                gates,
                max_rows=panel_rows(1),
                channel_order=self.channel_order,
                classes=self.classes,
                blocks=self.block,
            )

        return self._view("rows", made, tuple(self.classes), self.channel_order)

    def by_class(self) -> xr.Dataset:
        """See :func:`~se_probe.views.gates_by_class`."""
        return self._view(
            "channel",
            lambda gates: gates_by_class(
                gates, self.block, self.channel, classes=self.classes
            ),
            tuple(self.classes),
            self.channel,
        )

    def extremes(self) -> xr.Dataset:
        """See :func:`~se_probe.views.extremes`; of the one channel."""
        return self._view(
            "extremes",
            lambda gates: extremes(
                gates, [self.block], [self.channel], n_images=_N_EXTREMES
            ),
            self.channel,
        )

    def predicted_name(self, row: int) -> str:
        """Class that the network gave an image; "" where that is not known."""
        index = int(self._predicted[row])
        names = self._output_names
        return names[index] if 0 <= index < len(names) else str(index) * (index >= 0)

    @cached_property
    def _output_names(self) -> list[str]:
        spec = self.record.attrs.get("label_set")
        return [label.name for label in label_set(spec)] if spec else []

    def _view(
        self, name: str, compute: Callable[[xr.DataArray], View], *settings: object
    ) -> View:
        block = self.block
        return self.store.view(
            (name, block, *settings), lambda: compute(self.store.gates(block))
        )

    def _moments(self) -> xr.Dataset:
        return self._view("moments", class_moments)

    def _numbers(self) -> list[int]:
        """Numbers of the block's channels, which a cut record may lack some of."""
        is_own = self.record["block"].values == self.block
        return sorted(self.record["channel_in_block"].values[is_own].tolist())

    def _telling_channel(self) -> int:
        """The channel in which the means of the chosen classes differ most."""
        moments = self._moments()
        shown = self.classes if len(self.classes) > 1 else self.all_classes
        means = moments["mean"].sel(class_name=shown).values
        place = int(np.argmax(np.ptp(means, axis=0)))
        return int(moments["channel_in_block"].values[place])


def _echoed(record: xr.DataArray, query: str) -> str:
    labels = label_set(record.attrs.get("label_set") or find_classes(record, None))
    try:
        return echo(query, labels.find(query))
    except ClassNameError:
        return f"{query} -> {find_classes(record, [query])[0]}"

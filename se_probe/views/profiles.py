"""Class profiles: the gates of each class, channel by channel."""

from typing import Unpack

import xarray as xr

from se_probe.class_names import label_set
from se_probe.stats import moments_of, reference_curve
from se_probe.views.selection import Choices, Selection

__all__ = ["class_profiles"]


def class_profiles(
    source: xr.DataArray | xr.Dataset,
    selection: Selection | None = None,
    /,
    **choices: Unpack[Choices],
) -> xr.Dataset:
    """Gates of each class over some channels of some blocks, and the reference curve.

    Images count whether or not the network classified them correctly: the paper does
    not say otherwise.

    Parameters
    ----------
    source : xr.DataArray or xr.Dataset
        A gate record, or its :func:`~se_probe.stats.class_moments`.
    selection : Selection, optional
    **choices
        The fields of :class:`Selection`, instead of one.

    Returns
    -------
    xr.Dataset, dims (class_name, channel)
        `count` (images of the class), `mean` and `sd` of the gates over them (n - 1;
        NaN for one image), and `reference`, dims (channel,), the mean over the means of
        all recorded classes, shown or not. `channel` is the position in the record. As
        attributes also `n_recorded_classes`, `n_network_classes` (None where it is not
        known), `n_channels` of each block, and `sampling` ("given" where
        channels are named by their numbers).

    Raises
    ------
    BlockNameError
        If a name means no block.
    ClassNameError
        If a class is unknown, ambiguous, or was not recorded.
    GateRecordError
        If no image was recorded.
    UsageError
        If the channels are invalid.

    References
    ----------
    Hu, Shen, Sun. CVPR 2018, section 7.2; figure 6 of arXiv version 4.
    https://arxiv.org/abs/1709.01507

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates({"SE_2_1": [[0.2], [0.6]]}, ["pug", "cliff"])
    >>> view = class_profiles(gates, classes=["pug"])
    >>> round(view["mean"].item(), 6), round(view["reference"].item(), 6)
    (0.2, 0.4)
    """
    selection = Selection.of(selection, choices)
    moments = moments_of(source)
    chosen = selection.resolve(moments)
    shown = moments.isel(channel=chosen.channels)
    facts = {
        "n_recorded_classes": moments.sizes["class_name"],
        "n_network_classes": _n_network_classes(moments),
        "n_channels": chosen.n_channels,
        "sampling": selection.how,
    }
    return (
        shown[["count", "mean", "sd"]]
        .sel(class_name=chosen.classes)
        .assign(reference=reference_curve(shown))
        .assign_coords(channel=chosen.channels)
        .assign_attrs(facts)
    )


def _n_network_classes(moments: xr.Dataset) -> int | None:
    """Number of classes the network tells apart; None where classes are not its own."""
    spec = moments.attrs.get("label_set")
    if not spec or (moments["class_index"].values < 0).any():
        return None
    return len(label_set(spec))

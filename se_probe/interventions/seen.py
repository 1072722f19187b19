"""Images that a network was calibrated on, so that they do not evaluate it."""

from collections.abc import Mapping

import xarray as xr

from se_probe.errors import SEProbeError
from se_probe.gates import recorded
from se_probe.images import Preprocessing, image_sums, reopen_images
from se_probe.interventions.constants import Constants

__all__ = ["seen_by", "with_seen"]


def seen_by(constants: Constants | None, gates: xr.DataArray | None) -> dict[str, str]:
    """Images that constants come from: id and sum of each.

    Parameters
    ----------
    constants : Constants or None
    gates : xr.DataArray, dims (image, channel), optional
        The record that they come from, where it is one.

    Returns
    -------
    dict of str to str
        Sums are "" where the images are no longer at hand. Empty where constants were
        given without saying where they come from.
    """
    if constants is None or not constants.n_images:
        return {}
    if constants.images is not None:
        return image_sums(constants.images)
    return {} if gates is None else _recorded_sums(gates)


def _recorded_sums(gates: xr.DataArray) -> dict[str, str]:
    ids = [str(name) for name in gates["image_id"].values[recorded(gates)]]
    try:
        preprocessing = Preprocessing.from_dict(gates.attrs["preprocessing"])
        sums = image_sums(reopen_images(gates.attrs["images"], preprocessing))
    except (SEProbeError, KeyError):  # moved, or never files: known by their ids only
        sums = {}
    return {image_id: sums.get(image_id, "") for image_id in ids}


def with_seen(
    before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Images that were seen before and those seen now, by what they were used for."""
    uses = {**before, **now}
    both = {use: {**before.get(use, {}), **now.get(use, {})} for use in uses}
    return {use: sums for use, sums in both.items() if sums}

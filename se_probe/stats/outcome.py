"""What became of the images of a record, and the accuracy of the predictions."""

from typing import Any

import xarray as xr

from se_probe.gates import State, recorded
from se_probe.stats.nearest_mean import wilson_interval

__all__ = ["record_summary"]


def record_summary(gates: xr.DataArray) -> dict[str, Any]:
    """What became of the images, and the accuracy of the predictions.

    Parameters
    ----------
    gates : xr.DataArray, dims (image, channel)
        A gate record, finished or not.

    Returns
    -------
    dict
        In plain JSON types: `n_images`, `n_recorded`, `n_pending`; `skipped` and `nan`,
        the images that could not be read or gave NaN; `n_predicted`, recorded images
        with a prediction; `n_known_class`, those of a class of the network among them,
        `n_correct` of these, their share `top1` and its 95 % Wilson interval
        `top1_interval` (None where there are none).

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> gates = make_gates(
    ...     {"SE_2_1": [[0.5], [0.6]]}, ["pug", "cliff"], predicted=[1, 1]
    ... )
    >>> record_summary(gates)["top1"]
    0.5
    """
    state, image_id = gates["state"].values, gates["image_id"].values
    has_prediction = recorded(gates) & (gates["predicted"].values >= 0)
    known = has_prediction & (gates["class_index"].values >= 0)
    n_known = int(known.sum())
    hits = gates["predicted"].values == gates["class_index"].values
    n_correct = int((hits & known).sum())
    return {
        "n_images": int(state.size),
        "n_recorded": int((state == State.RECORDED).sum()),
        "n_pending": int((state == State.NOT_RECORDED).sum()),
        "skipped": [str(name) for name in image_id[state == State.SKIPPED]],
        "nan": [str(name) for name in image_id[state == State.NAN]],
        "n_predicted": int(has_prediction.sum()),
        "n_known_class": n_known,
        "n_correct": n_correct,
        "top1": n_correct / n_known if n_known else None,
        "top1_interval": list(wilson_interval(n_correct, n_known)) if n_known else None,
    }

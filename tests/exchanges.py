"""A result of exchanging gates, made by hand."""

import numpy as np
import xarray as xr

EXTENTS = ["alone", "to_output", "from_input"]
TREATMENTS = ["identity", "frozen", "class_mean", "same_class", "other_class"]
BLOCKS = ["SE_2_1", "SE_3_1", "SE_4_1"]
# Of each block alone: nothing counts; detail counts; detail and the class count.
ALONE = [
    [0.5, 0.001, 0.001, 0.002, 0.002],
    [0.6, 0.05, 0.04, 0.08, 0.08],
    [2.0, 0.3, 0.1, 0.2, 0.9],
]
DIMS = ("extent", "block", "treatment")


def exchanged(n_donors_known: int = 200) -> xr.Dataset:
    """As `exchange_gates` gives it, for three blocks and 200 images."""
    alone = np.array(ALONE)
    kl = np.stack([alone, alone[::-1].cumsum(0)[::-1], alone.cumsum(0)])
    class_kl = kl[..., 4] - kl[..., 3]
    became = np.array([[0, 0, 0.4], [0.6, 0.5, 0.4], [0, 0.1, 0.6]])
    became = became if n_donors_known else became * np.nan
    two = DIMS[:2]
    columns = {
        "kl": (DIMS, kl),
        "kl_low": (DIMS, 0.8 * kl),
        "kl_high": (DIMS, 1.2 * kl),
        "agreement": (DIMS, np.exp(-kl)),
        "top1_change": (DIMS, -kl / 10),
        "class_kl": (two, class_kl),
        "class_kl_low": (two, class_kl - 0.01),
        "class_kl_high": (two, class_kl + 0.01),
        "became_donor": (two, became),
        "became_donor_low": (two, 0.9 * became),
        "became_donor_high": (two, 1.1 * became),
        "became_donor_chance": (two, 0.05 * became),
        "n_donors_known": n_donors_known,
        "same_class_donor": ("image", ["b", "a"]),
        "other_class_donor": ("image", ["c", "c"]),
    }
    coords = {
        "extent": EXTENTS,
        "block": BLOCKS,
        "treatment": TREATMENTS,
        "image_id": ("image", ["a", "b"]),
    }
    about = {
        "architecture": "se_net",
        "n_images": 200,
        "n_known": n_donors_known,
        "n_classes": 10,
        "n_single": 3,
        "n_unrecorded": 0,
        "top1": 0.85 if n_donors_known else None,
    }
    return xr.Dataset(columns, coords=coords, attrs=about)

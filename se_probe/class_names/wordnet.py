"""ImageNet's classes as WordNet names them.

The table ``data/imagenet_classes.csv`` (index, wnid, lemmas, gloss) was written once
from ``timm.data.ImageNetInfo``: `index_to_label_name` gave the wnid,
`index_to_description` the lemmas, and what follows them in the detailed description
the gloss. It is shipped as a file because importing timm loads torch. Lemmas and
glosses are those of WordNet 3.0 (https://wordnet.princeton.edu); index is the position
of the wnid in sorted order, as in torchvision and timm.
"""

import csv
from functools import cache
from importlib import resources

from se_probe.class_names.labels import ClassLabel, unique_names

__all__ = ["imagenet_classes"]


@cache
def imagenet_classes() -> dict[str, ClassLabel]:
    """The 1000 classes of ImageNet by wnid, in the order of their wnids.

    Returns
    -------
    dict of str to ClassLabel
    """
    path = resources.files("se_probe") / "data" / "imagenet_classes.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    labels = [
        ClassLabel(
            index=int(row["index"]),
            name=row["lemmas"].split(", ")[0],
            wnid=row["wnid"],
            lemmas=tuple(row["lemmas"].split(", ")),
            gloss=row["gloss"],
        )
        for row in csv.DictReader(lines)
    ]
    return {label.wnid: label for label in unique_names(labels)}

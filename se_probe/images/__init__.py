"""Labelled images as batches in fixed order, with the network's own preprocessing.

>>> images = open_images("scenes", default_preprocessing("scenes"), per_class=2)
>>> len(images), images.image_ids[0], images.batch(0).shape
(20, 'test/n01443537/00000', torch.Size([32, 3, 48, 48]))

`open_images` takes an image folder, the name of a data set or any torch Dataset. The
list is fixed when it returns; pixels are read batch by batch when they are asked for.
"""

from se_probe.images.batches import ImageBatch, LabelledImages, LabelOrder
from se_probe.images.class_lists import class_list, read_class_names
from se_probe.images.held import hold_images
from se_probe.images.labels import ImageLabels, label_images
from se_probe.images.preprocessing import Preprocessing, default_preprocessing
from se_probe.images.reading import Workers
from se_probe.images.sources import DATASET_NAMES, open_images, reopen_images
from se_probe.images.sums import image_sums

__all__ = [
    "DATASET_NAMES",
    "ImageBatch",
    "ImageLabels",
    "LabelOrder",
    "LabelledImages",
    "Preprocessing",
    "Workers",
    "class_list",
    "default_preprocessing",
    "hold_images",
    "image_sums",
    "label_images",
    "open_images",
    "read_class_names",
    "reopen_images",
]

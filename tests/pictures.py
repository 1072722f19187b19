"""Small pictures that several tests share."""

import io

import numpy as np
from PIL import Image

from se_probe.images import Preprocessing

SMALL = Preprocessing((3, 16, 16), crop_pct=1.0)
# Pixels come out as they went in, 0 to 1.
PLAIN = Preprocessing((3, 4, 4), "nearest", crop_pct=1.0, mean=(0, 0, 0), std=(1, 1, 1))
PLAIN_GREY = Preprocessing((1, 4, 4), "nearest", crop_pct=1.0, mean=(0,), std=(1,))


def noise_picture(seed=0, size=(40, 30)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3))
    return Image.fromarray(pixels.astype(np.uint8))


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()

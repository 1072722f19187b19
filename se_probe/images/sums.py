"""Which images are the same, whatever they are called."""

import hashlib
from pathlib import Path

from PIL import Image

from se_probe.errors import ImagesError
from se_probe.images.batches import LabelledImages
from se_probe.running import input_tensors

__all__ = ["image_sums"]

# Hexadecimal digits of a SHA-256 that are kept: 64 bits tell billions of images apart,
# and the sums of 50,000 images fit into a checkpoint.
_DIGITS = 16


def image_sums(images: LabelledImages) -> dict[str, str]:
    """Sum over the bytes of each image, by its id.

    Of a folder's images it is over the files, so that a photo is known again under
    another name; of all others over their pixels, of several inputs over all of them.

    Parameters
    ----------
    images : LabelledImages

    Returns
    -------
    dict of str to str
        The first 16 hexadecimal digits of a SHA-256; "" for an image that cannot be
        read.
    """
    folder = images.source["path"] if images.source["kind"] == "folder" else None
    return {
        image_id: _sum_of(images, number, image_id, folder)
        for number, image_id in enumerate(images.image_ids)
    }


def _sum_of(
    images: LabelledImages, number: int, image_id: str, folder: str | None
) -> str:
    try:
        if folder is not None:
            content = (Path(folder).expanduser() / image_id).read_bytes()
        else:
            picture = images.pictures.read(number)
            content = (
                picture.tobytes()
                if isinstance(picture, Image.Image)
                else b"".join(each.numpy().tobytes() for each in input_tensors(picture))
            )
    except (OSError, ImagesError):
        return ""
    return hashlib.sha256(content).hexdigest()[:_DIGITS]

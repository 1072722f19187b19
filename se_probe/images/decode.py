"""One picture file, whatever its kind, as 8-bit RGB or greyscale.

The treatment is fixed, because another one gives other gates:

* the first frame of an animation, the first page of a document;
* EXIF orientation applied, so that a picture stands as a viewer shows it;
* transparency laid over white, as a page shows it (what hides under it is arbitrary);
* 16-bit greyscale scaled to 8 bits, not clipped;
* CMYK, palette and other colour models converted by Pillow, colour profiles ignored.

What is damaged, empty, not a picture, larger than Pillow's limit against decompression
bombs or without a defined white raises ``OSError`` with the reason.
"""

import logging
import warnings
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features
from PIL import __version__ as pillow_version

from se_probe.images.preprocessing import Mode

__all__ = ["SUFFIXES", "decode_picture", "decoder", "to_mode"]

# Only these readers are tried, whatever the file is called. Pillow has others that
# start programs (EPS starts Ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
)
# Resizing the short side of a longer strip would need gigabytes.
MAX_ASPECT = 1000

# Pillow logs some damage, which lands on stderr where a program has no handler of its
# own. What is damaged is reported here.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def decoder(mode: Mode) -> str:
    """What turns files into pixels, in words, for the record."""
    turbo = features.version_feature("libjpeg_turbo")
    jpeg = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
    return (
        f"Pillow {pillow_version}, {jpeg}, EXIF orientation applied, "
        f"alpha over white, {mode}"
    )


def decode_picture(data: bytes, mode: Mode) -> Image.Image:
    """Picture from the bytes of a file.

    Parameters
    ----------
    data : bytes
        The whole file.
    mode : {"RGB", "L"}

    Returns
    -------
    PIL.Image.Image
        In mode `mode`.

    Raises
    ------
    OSError
        If the bytes cannot be used as a picture; the message is the reason.
    """
    if not data:
        raise OSError("the file is empty (0 bytes)")
    with warnings.catch_warnings():
        # Pillow warns about odd metadata and large pictures; neither changes pixels.
        warnings.simplefilter("ignore")
        try:
            with Image.open(BytesIO(data), formats=FORMATS) as image:
                _check_shape(image)
                ImageOps.exif_transpose(image, in_place=True)
                return to_mode(image, mode)
        except UnidentifiedImageError:
            raise OSError(f"it is not a picture ({', '.join(FORMATS)})") from None
        except Exception as error:
            # Pillow's readers raise whatever the damage leads them to: SyntaxError,
            # struct.error, EOFError, DecompressionBombError and a dozen others.
            raise OSError(str(error) or type(error).__name__) from error


def _check_shape(image: Image.Image) -> None:
    short, long = sorted(image.size)
    if long > MAX_ASPECT * short:
        raise OSError(f"{image.width} x {image.height} pixels are too narrow a strip")


def to_mode(image: Image.Image, mode: Mode) -> Image.Image:
    """Picture in 8-bit RGB or greyscale.

    Parameters
    ----------
    image : PIL.Image.Image
        In any mode.
    mode : {"RGB", "L"}

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    OSError
        If its pixel values have no defined white.
    """
    if image.mode == "F":
        raise OSError("its pixels are floating-point numbers without a defined white")
    if image.mode.startswith("I"):
        image = _scaled_to_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert(mode)


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise OSError("its pixels are whole numbers beyond 16 bits")
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))

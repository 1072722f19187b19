"""Small pictures of the images that a record names, made when they are asked for."""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import xarray as xr
from PIL import Image, ImageOps

from se_probe.errors import ImagesError

__all__ = ["PictureSource", "Thumbnails"]

# The readers of Pillow that start no program.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
_N_CACHED = 2000
_N_LOOKED_AT = 20


class PictureSource(Protocol):
    """Images that can be read one by one, as `open_images` returns them."""

    @property
    def image_ids(self) -> Sequence[str]:
        """Id of each image."""

    @property
    def pictures(self) -> Any:
        """With the method `read`, which takes the number of an image."""


class Thumbnails:
    """Small pictures of the images of one record, and of no others.

    Parameters
    ----------
    record : xr.DataArray, dims (image, channel)
        A gate record. Only images that it names are ever read.
    images : path or PictureSource, optional
        The image folder that was recorded, where it lies now, or what `open_images`
        returned. The folder that the record names by default, where it is there.
    side : int, default 96
        Pixels of the longer side.

    Raises
    ------
    ImagesError
        If `images` is a folder in which none of the images lies.

    Examples
    --------
    >>> from se_probe.gates import make_gates
    >>> thumbnails = Thumbnails(make_gates({"SE_2_1": [[0.5]]}, ["pug"]))
    >>> thumbnails.picture("0") is None, thumbnails.problem
    (True, 'the record does not say where its images are')
    """

    def __init__(
        self,
        record: xr.DataArray,
        images: str | Path | PictureSource | None = None,
        *,
        side: int = 96,
    ) -> None:
        self._known = frozenset(record["image_id"].values.tolist())
        self._side = side
        self._read, self.problem = _reader(record, images)
        self._cached = lru_cache(_N_CACHED)(self._made)

    def picture(self, image_id: str) -> Image.Image | None:
        """Small picture of an image.

        Parameters
        ----------
        image_id : str

        Returns
        -------
        PIL.Image.Image or None
            RGB; None where the image is not one of the record's, is not at hand, or
            cannot be read as a picture.
        """
        return self._cached(image_id)

    def data_uri(self, image_id: str) -> str:
        """Small picture of an image, for a page.

        Parameters
        ----------
        image_id : str

        Returns
        -------
        str
            A data URI of a JPEG; "" where there is no picture.
        """
        picture = self.picture(image_id)
        if picture is None:
            return ""
        data = BytesIO()
        picture.save(data, "JPEG", quality=80)
        return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"

    def _made(self, image_id: str) -> Image.Image | None:
        if self._read is None or image_id not in self._known:
            return None
        try:
            picture = self._read(image_id)
        # Readers raise whatever damage leads them to: SyntaxError, struct.error, ...
        except Exception:
            return None
        return None if picture is None else _shrunk(picture, self._side)


_Read = Callable[[str], Image.Image | None]


def _reader(
    record: xr.DataArray, images: str | Path | PictureSource | None
) -> tuple[_Read | None, str]:
    """How pictures are read, or why they cannot be."""
    if images is None:
        return _recorded_folder(record)
    if not isinstance(images, str | Path):
        return _from_source(images), ""
    folder = Path(images).expanduser()
    missing = _missing(folder, record)
    if missing:
        raise ImagesError(
            f"expected the images of the record in {folder}, but {missing}. Give the "
            "folder that was recorded, where it lies now"
        )
    return _from_folder(folder), ""


def _recorded_folder(record: xr.DataArray) -> tuple[_Read | None, str]:
    facts = record.attrs.get("images")
    if not isinstance(facts, Mapping):
        return None, "the record does not say where its images are"
    path = facts.get("path")
    if facts.get("kind") not in {"folder", "named folder"} or not path:
        return None, f"the images of {facts.get('name')} lie in no folder"
    missing = _missing(Path(path).expanduser(), record)
    if missing:
        return None, f"the images are no longer in {path}: {missing}"
    return _from_folder(Path(path).expanduser()), ""


def _missing(folder: Path, record: xr.DataArray) -> str:
    """Why a folder cannot be that of the record; "" where it can."""
    if not folder.is_dir():
        return "there is no such folder"
    names = record["image_id"].values.tolist()
    some = names[:: max(1, len(names) // _N_LOOKED_AT)]
    if any(_inside(folder, name) is not None for name in some):
        return ""
    return f"it does not hold {names[0]}" if names else "the record names no image"


def _from_folder(folder: Path) -> _Read:
    def read(image_id: str) -> Image.Image | None:
        path = _inside(folder, image_id)
        if path is None:
            return None
        with Image.open(path, formats=_FORMATS) as image:
            image.draft("RGB", (256, 256))
            turned = ImageOps.exif_transpose(image)
            turned.load()
            return turned

    return read


def _inside(folder: Path, image_id: str) -> Path | None:
    """File of an image below a folder; None where it is not there, or elsewhere."""
    parts = Path(image_id).parts
    if Path(image_id).is_absolute() or ".." in parts:
        return None
    try:
        path = folder / image_id
        return path if path.is_file() else None
    except (OSError, ValueError):  # a name that is too long, or holds a zero byte
        return None


def _from_source(source: PictureSource) -> _Read:
    numbers: dict[str, int] = {}

    def read(image_id: str) -> Image.Image | None:
        if not numbers:  # a source may be one that is opened when it is asked
            numbers.update({name: k for k, name in enumerate(source.image_ids)})
        if image_id not in numbers:
            return None
        picture = source.pictures.read(numbers[image_id])
        return picture if isinstance(picture, Image.Image) else None

    return read


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    """RGB picture whose longer side has `side` pixels; small ones stay sharp."""
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    picture = picture.convert("RGB")
    scale = side / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    how = Image.Resampling.BICUBIC if scale < 1 else Image.Resampling.NEAREST
    return picture.resize((width, height), how)

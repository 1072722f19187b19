"""How a picture becomes the numbers that a network takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, cast

from PIL import Image
from timm.data.constants import (
    DEFAULT_CROP_MODE,
    DEFAULT_CROP_PCT,
    IMAGENET_DEFAULT_MEAN,
    IMAGENET_DEFAULT_STD,
)
from timm.data.transforms_factory import create_transform
from torch import Tensor

from se_probe.errors import ImagesError

__all__ = ["Mode", "Preprocessing", "default_preprocessing"]

Mode = Literal["RGB", "L"]

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
CROP_MODES = ("center", "squash", "border")


@dataclass(frozen=True)
class Preprocessing:
    """Resize, crop and scale, in the keys of timm's data configuration.

    Parameters
    ----------
    input_size : tuple of int, such as (channels, height, width)
        One channel is greyscale, three are red, green and blue. Any other shape is that
        of tensors which are given to the network as they are: mean and std are then
        empty, and nothing else is used.
    interpolation : str, default "bicubic"
        "nearest", "bilinear", "bicubic", "box", "hamming" or "lanczos".
    crop_pct : float, default 0.875
        Share of the resized picture's side that is kept, above 0: 0.875 resizes to 256
        pixels before 224 are cut out. Above 1, as a few of timm's networks have it, the
        picture is padded.
    crop_mode : {"center", "squash", "border"}, default "center"
        Keep the shape and cut, distort to the input's shape, or keep it and pad.
    mean, std : tuple of float, length channels
        Pixel values between 0 and 1 become (value - mean) / std. ImageNet's by default.

    Raises
    ------
    ImagesError
        If a value cannot be used.

    Examples
    --------
    >>> grey = Preprocessing((1, 28, 28), crop_pct=1.0, mean=(0.5,), std=(0.5,))
    >>> pixels = grey.transform()(Image.new("L", (100, 80), 255))
    >>> pixels.shape, pixels.max().item()
    (torch.Size([1, 28, 28]), 1.0)
    """

    input_size: tuple[int, ...] = (3, 224, 224)
    interpolation: str = "bicubic"
    crop_pct: float = DEFAULT_CROP_PCT
    crop_mode: str = DEFAULT_CROP_MODE
    mean: tuple[float, ...] = IMAGENET_DEFAULT_MEAN
    std: tuple[float, ...] = IMAGENET_DEFAULT_STD

    def __post_init__(self) -> None:
        size = self.input_size
        if not size or min(size) < 1:
            raise ImagesError(
                "input_size must hold whole numbers from 1, such as (3, 224, 224), got "
                f"{size}"
            )
        if not self.is_picture:
            object.__setattr__(self, "mean", ())
            object.__setattr__(self, "std", ())
            return
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != size[0]:
                raise ImagesError(
                    f"{name} must hold {size[0]} numbers, one per channel, got {values}"
                )
        if min(self.std) <= 0:
            raise ImagesError(f"std must be above 0, got {self.std}")
        if self.crop_pct <= 0:
            raise ImagesError(f"crop_pct must be above 0, got {self.crop_pct}")
        _check_choice("interpolation", self.interpolation, INTERPOLATIONS)
        _check_choice("crop_mode", self.crop_mode, CROP_MODES)

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> "Preprocessing":
        """Preprocessing from a timm data configuration, or from :meth:`as_dict`.

        Parameters
        ----------
        config : mapping
            Other keys are passed over; a missing one, or None, takes timm's default.

        Returns
        -------
        Preprocessing
        """
        known = {
            field.name: config[field.name]
            for field in fields(cls)
            if config.get(field.name) is not None
        }
        for name in {"input_size", "mean", "std"} & set(known):
            known[name] = tuple(known[name])
        return cls(**known)

    @classmethod
    def from_torchvision(cls, preset: Any) -> "Preprocessing":
        """Preprocessing from what torchvision's ``weights.transforms()`` returns."""
        return cls(
            input_size=(len(preset.mean), preset.crop_size[0], preset.crop_size[0]),
            interpolation=preset.interpolation.value,
            crop_pct=preset.crop_size[0] / preset.resize_size[0],
            mean=tuple(preset.mean),
            std=tuple(preset.std),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types; :meth:`from_dict` gives the same preprocessing back."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def resized(
        self, side: int | None = None, shape: Sequence[int] | None = None
    ) -> "Preprocessing":
        """The same for inputs of another size: the one place that decides their shape.

        Parameters
        ----------
        side : int, optional
            Of square pictures.
        shape : sequence of int, optional
            Of one sample, such as (channels, length). Where it has another number of
            channels, values are left as they are: mean 0, std 1.

        Returns
        -------
        Preprocessing

        Raises
        ------
        ImagesError
            If both are given, or a side for inputs that are no pictures.

        Examples
        --------
        >>> Preprocessing().resized(32).input_size
        (3, 32, 32)
        >>> Preprocessing().resized(shape=(5, 40)).is_picture
        False
        """
        if side is None and shape is None:
            return self
        if side is not None and shape is not None:
            raise ImagesError("give the size of the input once: its side or its shape")
        if side is not None:
            if len(self.input_size) != 3:
                raise ImagesError(
                    "a side is that of a picture, and the network takes inputs of "
                    f"shape {self.input_size}: give the whole shape (--input-shape)"
                )
            return replace(self, input_size=(self.input_size[0], side, side))
        new = tuple(shape or ())
        n = new[0] if new else 0
        if n == len(self.mean):
            return replace(self, input_size=new)
        return replace(self, input_size=new, mean=(0.0,) * n, std=(1.0,) * n)

    @property
    def is_picture(self) -> bool:
        """Whether the input is a greyscale or colour picture."""
        return len(self.input_size) == 3 and self.input_size[0] in {1, 3}

    @property
    def mode(self) -> Mode:
        """Pillow's name for the pictures that go in: "RGB" or "L" (greyscale).

        Raises
        ------
        ImagesError
            If the input is no picture.
        """
        if not self.is_picture:
            raise ImagesError(
                f"the network takes inputs of shape {self.input_size}, which pictures "
                "of 1 or 3 channels cannot give: give a torch Dataset of (tensor, "
                "label) (on the command line --data package.module:factory)"
            )
        return "RGB" if self.input_size[0] == 3 else "L"

    def transform(self) -> Callable[[Image.Image], Tensor]:
        """The steps from a picture to one float32 tensor, by timm.

        Returns
        -------
        callable
            From a Pillow image in mode `mode` to a tensor of shape `input_size`.

        Raises
        ------
        ImagesError
            If the input is no picture.
        """
        if not self.is_picture:
            _ = self.mode  # says what to give instead
        transform: Callable[[Image.Image], Tensor] = create_transform(
            cast(tuple[int, int, int], self.input_size),
            is_training=False,
            interpolation=self.interpolation,
            crop_pct=self.crop_pct,
            crop_mode=self.crop_mode,
            mean=self.mean,
            std=self.std,
        )
        return transform


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ImagesError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _whole(side: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocessing:
    return Preprocessing(
        (len(mean), side, side), "bilinear", crop_pct=1.0, mean=mean, std=std
    )


# Means and standard deviations of all training pixels, between 0 and 1; those of
# `digits` are taken after its pictures are enlarged.
_DEFAULTS = {
    "scenes": _whole(48, IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
    "digits": _whole(28, (0.3054,), (0.3246,)),
    "mnist": _whole(28, (0.1307,), (0.3081,)),
    "fashion-mnist": _whole(28, (0.2860,), (0.3530,)),
    "cifar10": _whole(32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": _whole(32, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}


def default_preprocessing(name: str) -> Preprocessing:
    """Preprocessing for a network that is trained on one of the named data sets.

    Parameters
    ----------
    name : str
        "scenes" (48 x 48), "digits", "mnist", "fashion-mnist" (28 x 28 grey),
        "cifar10" or "cifar100" (32 x 32).

    Returns
    -------
    Preprocessing
        The whole picture, nothing cropped.

    Raises
    ------
    ImagesError
        If there is no such data set.
    """
    if name not in _DEFAULTS:
        raise ImagesError(
            f"there is no preprocessing of its own for {name!r}, only for "
            f"{', '.join(_DEFAULTS)}"
        )
    return _DEFAULTS[name]

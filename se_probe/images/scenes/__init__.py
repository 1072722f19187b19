"""`scenes`: small pictures drawn by code, the data that come with the package.

They are drawings, not photographs: enough for a network to learn ten classes from, no
evidence about photographs. Picture `index` of a class is a function of (seed, split,
class, index) alone, so there are as many as one asks for, and no file.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from PIL import __version__ as pillow_version

from se_probe.errors import ImagesError, UsageError
from se_probe.images.pictures import Pictures
from se_probe.images.preprocessing import Mode
from se_probe.images.scenes.animals import goldfish, pug
from se_probe.images.scenes.ball import soccer_ball
from se_probe.images.scenes.canvas import SIDE, Canvas
from se_probe.images.scenes.landmarks import cliff, lighthouse, volcano
from se_probe.images.scenes.plants import daisy, strawberry
from se_probe.images.scenes.vehicles import airliner, school_bus

__all__ = ["SCENES", "draw_scene", "scene_pictures"]

# By wnid, in ImageNet's order.
SCENES: Mapping[str, Callable[[Canvas, np.random.Generator], None]] = {
    "n01443537": goldfish,
    "n02110958": pug,
    "n02690373": airliner,
    "n02814860": lighthouse,
    "n04146614": school_bus,
    "n04254680": soccer_ball,
    "n07745940": strawberry,
    "n09246464": cliff,
    "n09472597": volcano,
    "n11939491": daisy,
}
N_PER_CLASS = {"train": 400, "test": 50}
# The split goes into the seed: what a network was trained on is never tested on.
_STREAMS = {"train": 0, "test": 1}


def draw_scene(
    wnid: str, index: int, *, split: str = "test", seed: int = 0
) -> Image.Image:
    """One picture, drawn by code.

    Parameters
    ----------
    wnid : str
        A key of `SCENES`.
    index : int
        From 0; any number.
    split : {"train", "test"}, default "test"
        Two streams that share no picture.
    seed : int, default 0

    Returns
    -------
    PIL.Image.Image
        RGB, 64 x 64 pixels, the same at every call.

    Raises
    ------
    ImagesError
        If nothing is drawn for `wnid`.
    """
    if wnid not in SCENES:
        raise ImagesError(
            f"nothing is drawn for {wnid!r}, only for {', '.join(SCENES)}"
        )
    rng = np.random.default_rng([seed, _STREAMS[split], int(wnid[1:]), index])
    canvas = Canvas()
    SCENES[wnid](canvas, rng)
    return _lit(canvas.finished(), rng)


def _lit(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture in uneven, tinted light, with haze and noise."""
    pixels = np.asarray(picture, dtype=np.float32)
    across = np.linspace(-1, 1, SIDE, dtype=np.float32)
    to_right, to_bottom = rng.uniform(-0.18, 0.18, 2).astype(np.float32)
    light = 1 + to_right * across[None, :, None] + to_bottom * across[:, None, None]
    tint = (rng.uniform(0.75, 1.12) * rng.normal(1, 0.05, 3)).astype(np.float32)
    haze, grain = np.float32(rng.uniform(0, 0.25) ** 2), np.float32(rng.uniform(2, 9))
    pixels = pixels * (light * tint)
    pixels += haze * (200 - pixels)
    pixels += grain * rng.standard_normal(pixels.shape, dtype=np.float32)
    return Image.fromarray(np.rint(pixels.clip(0, 255)).astype(np.uint8))


def scene_pictures(
    split: str, per_class: int | None, seed: int, mode: Mode
) -> Pictures:
    """Drawn pictures, class by class.

    Parameters
    ----------
    split : {"train", "test"}
    per_class : int or None
        None means 400 for training and 50 for testing.
    seed : int
    mode : {"RGB", "L"}

    Returns
    -------
    Pictures
        With ids such as "test/n01443537/00012", and wnids as class names.

    Raises
    ------
    UsageError
        If `seed` is negative.
    """
    if seed < 0:
        raise UsageError(f"seed must be at least 0, got {seed}")
    n = N_PER_CLASS[split] if per_class is None else per_class
    facts: dict[str, Any] = {
        "kind": "built-in",
        "name": "scenes",
        "drawn": True,
        "path": None,
        "split": split,
        "per_class": n,
        "seed": seed,
        "decoder": f"drawn by code, Pillow {pillow_version}, numpy {np.__version__}",
    }
    return Pictures(
        facts,
        tuple(f"{split}/{wnid}/{i:05}" for wnid in SCENES for i in range(n)),
        tuple(wnid for wnid in SCENES for _ in range(n)),
        partial(_read_scene, n, split, seed, mode),
    )


def _read_scene(n: int, split: str, seed: int, mode: Mode, index: int) -> Image.Image:
    number, position = divmod(index, n)
    picture = draw_scene(tuple(SCENES)[number], position, split=split, seed=seed)
    return picture.convert(mode)

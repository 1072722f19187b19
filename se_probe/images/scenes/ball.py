"""A soccer ball: a truncated icosahedron, seen from anywhere."""

import numpy as np
import numpy.typing as npt

from se_probe.images.scenes.canvas import Canvas, Colour, shaded, varied
from se_probe.images.scenes.surroundings import meadow, room, shadow, sky

__all__ = ["soccer_ball"]

Rng = np.random.Generator
Vectors = npt.NDArray[np.float64]


def soccer_ball(canvas: Canvas, rng: Rng) -> None:
    """A soccer ball on grass or indoors."""
    if rng.random() < 0.65:
        sky(canvas, rng)
        meadow(canvas, rng, rng.uniform(-0.9, 0.3))
    else:
        room(canvas, rng)
    size = rng.uniform(0.45, 0.8)
    x, y = rng.uniform(-0.25, 0.25, 2)
    shadow(canvas, x + 0.1, y + size, size)
    pen = canvas.placed((x, y), scale=size)
    leather = varied(rng, (244, 244, 242), (228, 226, 220), by=6)
    pen.ellipse((0, 0), (1, 1), shaded(leather, 0.8))
    pen.ellipse((-0.06, -0.06), (0.92, 0.92), shaded(leather, 0.92))
    pen.ellipse((-0.14, -0.16), (0.74, 0.72), leather)
    dark = varied(rng, (30, 30, 34), (25, 25, 60), (70, 20, 24), by=6)
    _panels(pen, _random_rotation(rng), dark)


def _panels(pen: Canvas, rotation: Vectors, dark: Colour) -> None:
    """The pentagons and seams on the near side (z above 0)."""
    for seam in SEAMS @ rotation.T:
        if seam[:, 2].min() > 0:
            pen.line(seam[:, :2], 0.035, (90, 90, 94))
    for pentagon in PENTAGONS @ rotation.T:
        if pentagon[:, 2].min() > -0.05:
            pen.polygon(pentagon[:, :2], dark)


def _random_rotation(rng: Rng) -> Vectors:
    """Rotation matrix of a random unit quaternion, shape (3, 3)."""
    q = rng.normal(size=4)
    w, x, y, z = q / np.sqrt((q**2).sum())
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _icosahedron() -> Vectors:
    """Its 12 corners on the unit sphere, shape (12, 3)."""
    golden = (1 + 5**0.5) / 2
    signs = [(y, z) for y in (-1, 1) for z in (-1, 1)]
    corners = [np.roll((0, y, z * golden), k) for k in range(3) for y, z in signs]
    corners_on_sphere: Vectors = np.array(corners) / np.hypot(1, golden)
    return corners_on_sphere


def _ball() -> tuple[Vectors, Vectors]:
    """Pentagons, shape (12, 5, 3), and the seams between them, shape (60, 2, 3)."""
    # Each corner of an icosahedron is cut off at a third of its five edges; the middle
    # thirds are seams, each listed from both ends.
    corners = _icosahedron()
    pentagons, seams = [], []
    for centre in corners:
        around = corners[np.argsort(-(corners @ centre))[1:6]]
        east = np.cross(centre, around[0])
        north = np.cross(centre, east)
        around = around[np.argsort(np.arctan2(around @ north, around @ east))]
        cuts, ends = 2 * centre + around, centre + 2 * around
        cuts /= np.linalg.norm(cuts, axis=1, keepdims=True)
        ends /= np.linalg.norm(ends, axis=1, keepdims=True)
        pentagons.append(cuts)
        seams.append(np.stack([cuts, ends], axis=1))
    return np.array(pentagons), np.concatenate(seams)


PENTAGONS, SEAMS = _ball()

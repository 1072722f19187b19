"""What pictures are drawn on: shapes and colours in coordinates from -1 to 1."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

__all__ = ["SIDE", "Canvas", "Colour", "mixed", "ridge", "shaded", "varied", "wave"]

Colour = tuple[int, ...]

SIDE = 64
# Drawn three times too large, and averaged down when finished: smooth edges.
OVERSAMPLING = 3
_HALF = SIDE * OVERSAMPLING / 2

_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


class Canvas:
    """A square to draw on; x runs to the right and y down, both from -1 to 1.

    Colours are (red, green, blue) or (red, green, blue, opacity), 0 to 255. A canvas
    can be seen through several pens (see :meth:`placed`), which draw on one picture.
    """

    def __init__(self) -> None:
        side = SIDE * OVERSAMPLING
        self._image = Image.new("RGB", (side, side))
        # Mode "RGBA" on an RGB image blends colours that are not opaque.
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self._matrix = np.eye(2) * _HALF
        self._origin = np.full(2, _HALF)
        self._scale = _HALF

    def placed(
        self,
        at: tuple[float, float] = (0.0, 0.0),
        *,
        scale: float = 1.0,
        stretch: float = 1.0,
        turn: float = 0.0,
        flip: bool = False,
    ) -> "Canvas":
        """A pen for the same picture: moved, scaled, turned, flipped left to right.

        Parameters
        ----------
        at : tuple of float, (x, y)
            Where the new pen has its origin.
        scale : float, default 1.0
        stretch : float, default 1.0
            Height beyond `scale`: below 1 is flattened.
        turn : float, default 0.0
            In radians, clockwise.
        flip : bool, default False

        Returns
        -------
        Canvas
        """
        pen = Canvas.__new__(Canvas)
        pen._image, pen._draw = self._image, self._draw
        cos, sin = np.cos(turn), np.sin(turn)
        x, y = (-scale if flip else scale), scale * stretch
        pen._matrix = self._matrix @ np.array([[cos * x, -sin * y], [sin * x, cos * y]])
        pen._origin = self._matrix @ np.asarray(at) + self._origin
        pen._scale = self._scale * scale
        return pen

    def posed(
        self,
        rng: np.random.Generator,
        size: tuple[float, float],
        *,
        spread: float = 0.2,
        tilt: float = 0.15,
    ) -> "Canvas":
        """A pen in a random pose.

        Parameters
        ----------
        rng : np.random.Generator
        size : tuple of float, (smallest, largest)
        spread : float, default 0.2
            Largest distance of its origin along x and along y.
        tilt : float, default 0.15
            Standard deviation of its turn, in radians.

        Returns
        -------
        Canvas
        """
        x, y = rng.uniform(-spread, spread, 2)
        return self.placed(
            (x, y),
            scale=rng.uniform(*size),
            turn=rng.normal(0, tilt),
            flip=bool(rng.random() < 0.5),
        )

    def finished(self) -> Image.Image:
        """The picture, 64 x 64 pixels."""
        return self._image.reduce(OVERSAMPLING)

    def backdrop(self, top: Colour, bottom: Colour, start: float = -1.0) -> None:
        """Fill everything below height `start` with a gradient of two colours."""
        width, height = self._image.size
        first = round((start + 1) * _HALF)
        shades = np.linspace(top[:3], bottom[:3], height - first)
        column = Image.fromarray(np.rint(shades[:, None]).astype(np.uint8))
        rows = column.resize((width, height - first), Image.Resampling.NEAREST)
        self._image.paste(rows, (0, first))

    def polygon(self, points: npt.ArrayLike, colour: Colour) -> None:
        """Fill a shape."""
        self._draw.polygon(self._pixels(points), fill=colour)

    def rectangle(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        """Fill a rectangle (left, top, right, bottom), along the pen's axes."""
        left, top, right, bottom = box
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        self.polygon(corners, colour)

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        colour: Colour,
        turn: float = 0.0,
    ) -> None:
        """Fill an ellipse, turned by an angle in radians."""
        points = _CIRCLE * radii
        if turn:
            cos, sin = np.cos(turn), np.sin(turn)
            points = points @ np.array([[cos, sin], [-sin, cos]])
        self.polygon(points + centre, colour)

    def line(self, points: npt.ArrayLike, width: float, colour: Colour) -> None:
        """Draw a line; its width grows with the pen's scale."""
        pixels = max(1, round(width * self._scale))
        self._draw.line(self._pixels(points), fill=colour, width=pixels, joint="curve")

    def _pixels(self, points: npt.ArrayLike) -> list[float]:
        placed = np.asarray(points, dtype=np.float64) @ self._matrix.T + self._origin
        # Whole numbers, so that the last bit of a cosine does not move an edge.
        pixels: list[float] = np.rint(placed).ravel().tolist()
        return pixels


def shaded(colour: Colour, factor: float) -> Colour:
    """The colour, darker (factor below 1) or lighter."""
    return tuple(min(255, round(value * factor)) for value in colour[:3])


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two; `share` is that of the other."""
    pairs = zip(one[:3], other[:3], strict=True)
    return tuple(round(a + (b - a) * share) for a, b in pairs)


def varied(rng: np.random.Generator, *choices: Colour, by: float = 14) -> Colour:
    """One of the colours, a little off."""
    colour = np.asarray(choices[rng.integers(len(choices))])
    off = rng.normal(0, by) + rng.normal(0, by / 2, 3)
    return tuple(int(value) for value in np.clip(np.rint(colour + off), 0, 255))


def ridge(
    rng: np.random.Generator,
    start: tuple[float, float],
    end: tuple[float, float],
    roughness: float,
    n: int = 14,
) -> npt.NDArray[np.float64]:
    """A jagged line between two points, shape (n, 2)."""
    points = np.linspace(start, end, n)
    points[1:-1] += rng.normal(0, roughness, (n - 2, 2))
    return points


def wave(
    start: tuple[float, float], end: tuple[float, float], height: float, turns: float
) -> npt.NDArray[np.float64]:
    """A line that swings sideways between two points, shape (16, 2)."""
    along = np.linspace(0, 1, 16)[:, None]
    way = np.subtract(end, start)
    across = np.array([-way[1], way[0]]) / np.hypot(*way)
    swing = height * np.sin(2 * np.pi * turns * along)
    points: npt.NDArray[np.float64] = start + along * way + swing * across
    return points

"""A strawberry and a daisy."""

import numpy as np
import numpy.typing as npt

from se_probe.images.scenes.canvas import Canvas, Colour, shaded, varied
from se_probe.images.scenes.surroundings import meadow, shadow, sky, table

__all__ = ["daisy", "strawberry"]

Rng = np.random.Generator

WHITE, CREAM, PINK = (250, 250, 250), (250, 246, 235), (248, 232, 240)


def strawberry(canvas: Canvas, rng: Rng) -> None:
    """One to three strawberries on a table."""
    table(canvas, rng)
    for x, y in rng.uniform(-0.8, 0.8, (rng.integers(3), 2)):
        size, turn = rng.uniform(0.4, 0.6), rng.normal(0, 1)
        _berry(canvas.placed((x, y), scale=size, turn=turn), rng)
    _berry(canvas.posed(rng, (0.75, 1.15), tilt=0.5), rng)


def _berry(pen: Canvas, rng: Rng) -> None:
    """Leaves up, tip down."""
    red = varied(rng, (212, 30, 42), (190, 22, 36), (228, 55, 52), by=9)
    shadow(pen, 0.05, 0.62, 0.45)
    width = rng.uniform(0.5, 0.62)
    down = np.linspace(0, 1, 18)
    half, y = _half_width(down, width), -0.6 + 1.35 * down
    outline = np.concatenate([np.stack([half, y], 1), np.stack([-half, y], 1)[::-1]])
    pen.polygon(outline, shaded(red, 0.82))
    pen.polygon(outline * 0.9 + (-0.03, -0.01), red)
    pen.ellipse((-0.2, -0.18), (0.13, 0.22), (255, 200, 190, 70), turn=0.35)
    for row, share in enumerate(np.arange(0.2, 0.95, 0.13)):
        reach = float(0.8 * _half_width(share, width))
        n_seeds = max(1, round(reach / 0.11))
        for x in np.linspace(-reach, reach, n_seeds + row % 2):
            seed = (float(x), -0.6 + 1.35 * share)
            pen.ellipse(seed, (0.034, 0.048), shaded(red, 0.6))
            pen.ellipse(seed, (0.022, 0.034), (250, 215, 110))
    _leaves(pen, rng)


def _half_width(down: npt.ArrayLike, width: float) -> npt.NDArray[np.float64]:
    """Of a strawberry, at shares of the way from the leaves to the tip."""
    bulge = np.sin(np.pi * np.asarray(down) ** 0.62).clip(0)
    half: npt.NDArray[np.float64] = width * bulge**0.75
    return half


def _leaves(pen: Canvas, rng: Rng) -> None:
    green = varied(rng, (70, 140, 50), (50, 115, 45), (105, 155, 60))
    root = np.array([0, -0.58])
    stalk = [(0, -0.58), (rng.uniform(-0.15, 0.15), -0.93)]
    pen.line(stalk, 0.06, shaded(green, 0.9))
    for angle in np.linspace(-0.35, np.pi + 0.35, 7) + rng.normal(0, 0.1, 7):
        out = np.array([np.cos(angle), 0.55 * np.sin(angle)])
        side = np.array([-out[1], out[0]]) * 0.11
        tip = root + out * rng.uniform(0.36, 0.5)
        middle = (root + tip) / 2
        leaf = [root, middle + side, tip, middle - side]
        pen.polygon(leaf, shaded(green, rng.uniform(0.8, 1.2)))


def daisy(canvas: Canvas, rng: Rng) -> None:
    """A daisy in a meadow or against the sky, with smaller ones around it."""
    if rng.random() < 0.7:
        meadow(canvas, rng, -1.0)
    else:
        sky(canvas, rng)
    for _ in range(rng.integers(4)):
        _flower(canvas.posed(rng, (0.25, 0.4), spread=0.85), rng)
    _flower(canvas.posed(rng, (0.6, 0.95)), rng)


def _flower(pen: Canvas, rng: Rng) -> None:
    stem = varied(rng, (80, 130, 55), (60, 105, 50))
    pen.line([(0, 0), (rng.uniform(-0.2, 0.2), 1.6)], 0.07, stem)
    face = pen.placed(stretch=rng.uniform(0.6, 1.0))
    _petals(face, rng, varied(rng, WHITE, CREAM, PINK, by=4))
    yolk = varied(rng, (245, 190, 40), (250, 205, 60), (225, 160, 30), by=8)
    face.ellipse((0, 0), (0.29, 0.29), shaded(yolk, 0.75))
    face.ellipse((-0.02, -0.03), (0.25, 0.25), yolk)
    for x, y in rng.uniform(-0.16, 0.16, (12, 2)):
        face.ellipse((x, y), (0.022, 0.022), shaded(yolk, 0.8))


def _petals(face: Canvas, rng: Rng, petal: Colour) -> None:
    n_petals = int(rng.integers(11, 22))
    turns = np.arange(n_petals) * (2 * np.pi / n_petals)
    for turn in turns + rng.normal(0, 0.06, n_petals):
        length = rng.uniform(0.86, 1.0)
        centre = (0.56 * length * np.cos(turn), 0.56 * length * np.sin(turn))
        radii = (0.42 * length, 1.5 / n_petals)
        face.ellipse(centre, radii, shaded(petal, rng.uniform(0.84, 1.0)), turn)

"""A lighthouse, a cliff and a volcano."""

import numpy as np

from se_probe.images.scenes.canvas import Canvas, Colour, mixed, ridge, shaded, varied
from se_probe.images.scenes.surroundings import sea, sky

__all__ = ["cliff", "lighthouse", "volcano"]

Rng = np.random.Generator


def lighthouse(canvas: Canvas, rng: Rng) -> None:
    """A banded tower on a small island; sometimes a cottage, sometimes its beam."""
    sky(canvas, rng)
    sea(canvas, rng, rng.uniform(0.3, 0.65))
    pen = canvas.posed(rng, (0.75, 1.05), tilt=0.04)
    ground = varied(rng, (105, 95, 88), (85, 125, 65), (140, 125, 105))
    island = ridge(rng, (-0.9, 0.95), (0.9, 0.95), 0.02)
    island[:, 1] -= 0.34 * np.sin(np.linspace(0, np.pi, len(island)))
    pen.polygon([*island, (1.0, 1.6), (-1.0, 1.6)], ground)
    if rng.random() < 0.5:
        wall = varied(rng, (235, 230, 220), (200, 190, 175))
        roof = varied(rng, (170, 60, 50), (90, 90, 100))
        pen.rectangle((0.12, 0.42, 0.55, 0.68), wall)
        pen.polygon([(0.06, 0.42), (0.18, 0.24), (0.5, 0.24), (0.6, 0.42)], roof)
    if rng.random() < 0.4:
        pen.polygon([(0, -0.68), (-1.8, -1.1), (-1.8, -0.55)], (255, 245, 180, 95))
    _tower(pen, rng)
    _lantern(pen, varied(rng, (180, 45, 45), (45, 48, 55), (60, 100, 90)))


def _tower(pen: Canvas, rng: Rng) -> None:
    wall = varied(rng, (242, 240, 234), (230, 222, 205), by=6)
    band = varied(rng, (200, 45, 45), (40, 40, 46), (45, 85, 150), (242, 240, 234))
    n_bands = int(rng.integers(3, 7))
    heights = np.linspace(0.68, -0.5, n_bands + 1)
    widths = np.linspace(0.22, 0.13, n_bands + 1)
    for i in range(n_bands):
        (low, high), (wide, slim) = heights[i : i + 2], widths[i : i + 2]
        ring = [(-wide, low), (wide, low), (slim, high), (-slim, high)]
        pen.polygon(ring, wall if i % 2 else band)
    pen.polygon([(0.06, 0.68), (0.22, 0.68), (0.13, -0.5), (0.05, -0.5)], (0, 0, 0, 55))
    for y in (-0.3, 0.05):
        pen.rectangle((-0.035, y, 0.025, y + 0.1), (60, 62, 70))
    pen.rectangle((-0.06, 0.5, 0.05, 0.68), (80, 55, 45))


def _lantern(pen: Canvas, roof: Colour) -> None:
    pen.rectangle((-0.2, -0.56, 0.2, -0.49), shaded(roof, 0.7))
    pen.rectangle((-0.1, -0.78, 0.1, -0.56), (255, 232, 130))
    for x in (-0.04, 0.04):
        pen.line([(x, -0.78), (x, -0.56)], 0.02, (24, 22, 22))
    dome = [(-0.15, -0.77), (-0.08, -0.9), (0, -0.96), (0.08, -0.9), (0.15, -0.77)]
    pen.polygon(dome, roof)


def cliff(canvas: Canvas, rng: Rng) -> None:
    """A rock face over the sea or over land, sometimes with another behind it."""
    sky(canvas, rng)
    horizon = rng.uniform(0.0, 0.5)
    if rng.random() < 0.75:
        sea(canvas, rng, horizon)
    else:
        land = varied(rng, (190, 150, 105), (120, 135, 80))
        canvas.backdrop(land, shaded(land, 0.75), horizon)
    rock = varied(
        rng, (225, 218, 200), (180, 110, 75), (125, 120, 115), (165, 145, 110)
    )
    flip = bool(rng.random() < 0.5)
    if rng.random() < 0.5:
        far = canvas.placed((0, horizon - 0.12), stretch=0.6, flip=flip)
        _rock_face(far, rng, mixed(rock, (190, 205, 220), 0.5), rng.uniform(0.4, 0.9))
    near = canvas.placed(turn=rng.normal(0, 0.04), flip=flip)
    _rock_face(near, rng, rock, rng.uniform(-0.35, 0.35))


def _rock_face(pen: Canvas, rng: Rng, rock: Colour, edge: float) -> None:
    """A plateau from the left that breaks off at x = `edge`."""
    top, foot = rng.uniform(-0.65, -0.1), rng.uniform(0.5, 0.95)
    plateau = ridge(rng, (-1.4, top - rng.uniform(-0.2, 0.25)), (edge, top), 0.02)
    face = ridge(rng, (edge, top), (edge + rng.uniform(0, 0.25), foot), 0.035)
    pen.polygon([*plateau, *face, (-1.4, foot + 0.3)], rock)
    depth = rng.uniform(0.35, 0.8)
    corner = ((edge - depth, foot + 0.12), (edge - 0.7 * depth, top + 0.06))
    in_shade = [*ridge(rng, *corner, 0.05), *face]
    pen.polygon(in_shade, shaded(rock, rng.uniform(0.62, 0.85)))
    _strata(pen, rng, rock, edge, top, foot)
    if rng.random() < 0.7:
        turf = varied(rng, (95, 140, 60), (125, 140, 70), (70, 110, 50))
        pen.polygon([*plateau, (edge, top + 0.05), (-1.4, top + 0.14)], turf)
    foam = ridge(rng, (-1.2, foot + 0.27), (edge + 0.25, foot + 0.02), 0.015)
    pen.line(foam, 0.04, (250, 252, 252, 170))


def _strata(
    pen: Canvas, rng: Rng, rock: Colour, edge: float, top: float, foot: float
) -> None:
    """Layers across the rock, and cracks down it."""
    for share in np.arange(0.12, 1.0, rng.uniform(0.1, 0.2)):
        y = top + share * (foot - top)
        layer = ridge(rng, (-1.4, y + 0.05), (edge + 0.15 * share, y), 0.016, 10)
        pen.line(layer, 0.024, (*shaded(rock, 0.55), 130))
    for x, y in rng.uniform((edge - 0.7, top + 0.1), (edge, foot - 0.2), (5, 2)):
        crack = ridge(rng, (x, y), (x + 0.04, y + 0.3), 0.02, 5)
        pen.line(crack, 0.02, (*shaded(rock, 0.45), 150))


def volcano(canvas: Canvas, rng: Rng) -> None:
    """A smoking cone with lava or snow, behind woods or the sea."""
    sky(canvas, rng)
    pen = canvas.posed(rng, (0.8, 1.15), tilt=0.02)
    summit, mouth = rng.uniform(-0.45, -0.1), rng.uniform(0.12, 0.24)
    rock = varied(rng, (95, 80, 78), (120, 105, 100), (75, 70, 85), (110, 85, 65))
    _smoke(pen, rng, summit)
    _cone(pen, rng, rock, summit, mouth)
    if rng.random() < 0.7:
        pen.ellipse((0, summit), (mouth, 0.05), (255, 170, 60))
        _lava(pen, rng, summit, mouth)
    else:
        pen.ellipse((0, summit), (mouth, 0.05), shaded(rock, 0.5))
        _snow(pen, summit, mouth)
    _foreground(canvas, rng, rng.uniform(0.4, 0.75))


def _smoke(pen: Canvas, rng: Rng, summit: float) -> None:
    grey, lean = rng.uniform(60, 225), rng.uniform(-0.5, 0.5)
    for rise in np.linspace(0, 1, int(rng.integers(8, 16))):
        puff = int(np.clip(grey + rng.normal(0, 18), 30, 250))
        size = 0.09 + 0.22 * rise
        centre = (lean * rise + rng.normal(0, 0.05), summit - 0.05 - 0.85 * rise)
        pen.ellipse(centre, (size, size * 0.8), (puff, puff, puff, 165))


def _cone(pen: Canvas, rng: Rng, rock: Colour, summit: float, mouth: float) -> None:
    slopes = []
    for start, end in (((-1.5, 1), (-mouth, summit)), ((mouth, summit), (1.5, 1))):
        slope = ridge(rng, start, end, 0.02)
        slope[:, 1] += 0.22 * np.sin(np.linspace(0, np.pi, len(slope)))
        slopes.append(slope)
    pen.polygon(np.concatenate([*slopes, [(1.5, 1.6), (-1.5, 1.6)]]), rock)
    pen.polygon([(mouth, summit), *slopes[1], (0.25, 1.0)], (0, 0, 0, 60))


def _lava(pen: Canvas, rng: Rng, summit: float, mouth: float) -> None:
    for x in rng.uniform(-mouth, mouth, rng.integers(1, 5)):
        end = (4 * x, rng.uniform(summit + 0.4, 0.9))
        flow = ridge(rng, (x, summit), end, 0.025, 8)
        pen.line(flow, 0.075, (205, 45, 20))
        pen.line(flow, 0.035, (255, 165, 55))
    for x, height in rng.normal(0, (mouth, 0.2), (rng.integers(8), 2)):
        pen.ellipse((x, summit - abs(height)), (0.022, 0.022), (255, 190, 80))


def _snow(pen: Canvas, summit: float, mouth: float) -> None:
    cap = [(-mouth, 0.0), (mouth, 0.0), (mouth + 0.14, 0.26), (0.06, 0.16)]
    cap += [(-0.08, 0.28), (-mouth - 0.14, 0.22)]
    pen.polygon([(x, summit + y) for x, y in cap], (240, 244, 248))


def _foreground(canvas: Canvas, rng: Rng, foot: float) -> None:
    if rng.random() < 0.35:
        sea(canvas, rng, foot)
        return
    land = varied(rng, (60, 95, 55), (95, 110, 60), (70, 60, 55), (45, 55, 50))
    hills = ridge(rng, (-1.1, foot), (1.1, foot), 0.03, 20)
    canvas.polygon([*hills, (1.1, 1.1), (-1.1, 1.1)], land)
    for x in rng.uniform(-1, 1, rng.integers(10)):
        tip = foot - rng.uniform(0.12, 0.28)
        tree = [(x - 0.07, foot + 0.08), (x, tip), (x + 0.07, foot + 0.08)]
        canvas.polygon(tree, shaded(land, 0.75))

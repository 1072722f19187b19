"""What stands behind and below a subject: sky, sea, meadow, room, street, table."""

import numpy as np

from se_probe.images.scenes.canvas import Canvas, ridge, shaded, varied, wave

__all__ = ["cloud", "meadow", "room", "sea", "shadow", "sky", "street", "table"]

Rng = np.random.Generator

# Top and bottom of the sky by day, in haze, overcast, at dusk and by night.
SKIES = (
    ((70, 130, 210), (190, 220, 245)),
    ((120, 165, 215), (215, 228, 238)),
    ((165, 172, 182), (210, 212, 214)),
    ((70, 70, 130), (245, 165, 115)),
    ((30, 50, 95), (90, 120, 165)),
)


def sky(canvas: Canvas, rng: Rng) -> None:
    """A sky of any weather and hour, over the whole canvas."""
    top, bottom = SKIES[rng.integers(len(SKIES))]
    canvas.backdrop(varied(rng, top), varied(rng, bottom))
    for _ in range(rng.integers(4)):
        place = (rng.uniform(-1, 1), rng.uniform(-0.95, 0.1))
        cloud(canvas.placed(place, scale=rng.uniform(0.5, 1.2)), rng)


def cloud(pen: Canvas, rng: Rng) -> None:
    """A heap of pale ellipses around the pen's origin."""
    for _ in range(6):
        centre = (rng.uniform(-0.35, 0.35), rng.uniform(-0.06, 0.06))
        radii = (rng.uniform(0.1, 0.25), rng.uniform(0.05, 0.1))
        pen.ellipse(centre, radii, (255, 255, 255, 110))


def sea(canvas: Canvas, rng: Rng, horizon: float) -> None:
    """Water with crests, below a height."""
    water = varied(rng, (35, 95, 140), (40, 120, 140), (70, 100, 125))
    canvas.backdrop(shaded(water, 1.25), shaded(water, 0.7), horizon)
    for x, y in rng.uniform((-1, horizon + 0.05), (1, 1), (10, 2)):
        crest = wave((x, y), (x + 0.1 + 0.25 * (y - horizon), y), 0.015, 1)
        canvas.line(crest, 0.015, (255, 255, 255, 90))


def meadow(canvas: Canvas, rng: Rng, start: float) -> None:
    """Grass, below a height."""
    grass = varied(rng, (90, 150, 60), (60, 125, 50), (125, 155, 70))
    canvas.backdrop(shaded(grass, 1.15), shaded(grass, 0.75), start)
    for x, y in rng.uniform((-1, start), (1, 1), (40, 2)):
        blade = [(x, y), (x + rng.uniform(-0.04, 0.04), y - 0.1)]
        canvas.line(blade, 0.016, (*shaded(grass, rng.uniform(0.6, 1.35)), 170))


def room(canvas: Canvas, rng: Rng) -> None:
    """A plain wall, mostly with a floor."""
    walls = ((205, 190, 170), (130, 150, 170), (165, 110, 95), (90, 100, 90))
    wall = varied(rng, *walls, (225, 225, 222))
    canvas.backdrop(shaded(wall, 1.08), shaded(wall, 0.85))
    if rng.random() < 0.6:
        floor = varied(rng, (130, 90, 60), (160, 160, 165), (75, 60, 60))
        start = rng.uniform(0.1, 0.7)
        canvas.backdrop(shaded(floor, 1.1), shaded(floor, 0.8), start)


def street(canvas: Canvas, rng: Rng) -> None:
    """Trees and houses behind a road, under a sky."""
    sky(canvas, rng)
    kerb = rng.uniform(0.1, 0.4)
    for x in rng.uniform(-1, 1, rng.integers(1, 5)):
        if rng.random() < 0.5:
            green = varied(rng, (70, 120, 60), (95, 130, 55), (185, 120, 50))
            canvas.ellipse((x, kerb - 0.45), (0.25, 0.4), green)
            canvas.line([(x, kerb - 0.2), (x, kerb)], 0.06, (90, 65, 45))
        else:
            wall = varied(rng, (170, 90, 75), (190, 185, 175), (130, 135, 145))
            roof = kerb - rng.uniform(0.5, 1.0)
            canvas.rectangle((x - 0.3, roof, x + 0.3, kerb), wall)
    road = varied(rng, (95, 96, 100), (125, 122, 118))
    canvas.backdrop(shaded(road, 1.1), shaded(road, 0.85), kerb)
    for x in np.arange(rng.uniform(-1.4, -0.9), 1, 0.5):
        canvas.rectangle((x, 0.86, x + 0.25, 0.9), (230, 225, 200))


def table(canvas: Canvas, rng: Rng) -> None:
    """A table from above: boards, a plate, or a bare cloth."""
    cloths = ((150, 105, 65), (225, 222, 215), (95, 140, 75), (120, 160, 190))
    cloth = varied(rng, *cloths, (60, 50, 48))
    canvas.backdrop(shaded(cloth, 1.1), shaded(cloth, 0.85))
    kind = rng.integers(3)
    if kind == 0:
        for y in np.arange(rng.uniform(-1.2, -0.9), 1, 0.35):
            board = ridge(rng, (-1, y), (1, y), 0.015)
            canvas.line(board, 0.02, shaded(cloth, 0.75))
    elif kind == 1:
        shadow(canvas, 0, 0.2, 0.95)
        canvas.ellipse((0, 0.1), (0.95, 0.8), (238, 238, 236))
        canvas.ellipse((0, 0.08), (0.7, 0.58), (224, 225, 226))


def shadow(canvas: Canvas, x: float, y: float, width: float) -> None:
    """A flat shadow with soft edges."""
    for share in (1.0, 0.85, 0.7):
        radii = (width * share, 0.22 * width * share)
        canvas.ellipse((x, y), radii, (0, 0, 0, 45))

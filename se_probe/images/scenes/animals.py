"""A goldfish and a pug."""

import numpy as np

from se_probe.images.scenes.canvas import Canvas, Colour, mixed, shaded, varied, wave
from se_probe.images.scenes.surroundings import meadow, room

__all__ = ["goldfish", "pug"]

Rng = np.random.Generator

WHITE, BLACK = (250, 250, 248), (24, 22, 22)


def goldfish(canvas: Canvas, rng: Rng) -> None:
    """One goldfish, sometimes two, among plants and bubbles."""
    waters = ((70, 150, 170), (40, 105, 150), (70, 130, 95), (30, 60, 90))
    water = varied(rng, *waters, (170, 205, 205))
    canvas.backdrop(shaded(water, 1.25), shaded(water, 0.6))
    _water_plants(canvas, rng)
    if rng.random() < 0.3:
        _fish(canvas.posed(rng, (0.35, 0.55), spread=0.6), rng)
    _fish(canvas.posed(rng, (0.7, 1.1)), rng)
    for x, y in rng.uniform(-0.9, 0.9, (rng.integers(6), 2)):
        size = rng.uniform(0.02, 0.06)
        canvas.ellipse((x, y), (size, size), (255, 255, 255, 90))
        glint = (x - size / 4, y - size / 4)
        canvas.ellipse(glint, (size / 2, size / 2), (255, 255, 255, 120))


def _water_plants(canvas: Canvas, rng: Rng) -> None:
    for x in rng.uniform(-1, 1, rng.integers(5)):
        green = varied(rng, (50, 120, 60), (90, 130, 50), (40, 100, 80))
        top = (x + rng.uniform(-0.2, 0.2), rng.uniform(-0.5, 0.6))
        canvas.line(wave((x, 1.05), top, 0.06, rng.uniform(1, 2)), 0.06, green)
    if rng.random() < 0.5:
        for x, y in rng.uniform((-1, 0.88), (1, 1.02), (30, 2)):
            pebble = varied(rng, (150, 140, 130), (110, 100, 95), (185, 170, 145))
            canvas.ellipse((x, y), (0.07, 0.05), pebble)


def _fish(pen: Canvas, rng: Rng) -> None:
    """Looking left."""
    golds = ((240, 120, 25), (250, 150, 40), (228, 85, 35), (245, 170, 70))
    gold = varied(rng, *golds)
    fin = (*mixed(gold, (255, 225, 170), 0.35), 215)
    plump, swish = rng.uniform(0.26, 0.36), rng.uniform(-0.15, 0.15)
    for tip in (swish - 0.42, swish + 0.42):
        lobe = [
            (0.35, 0),
            (0.55, 0.75 * tip),
            (0.95, tip),
            (0.84, 0.4 * tip),
            (0.68, 0),
        ]
        pen.polygon(lobe, fin)
        pen.line([(0.42, 0.1 * tip), (0.85, 0.8 * tip)], 0.02, shaded(gold, 0.85))
    pen.polygon([(-0.22, -0.2), (-0.08, -0.5), (0.28, -0.42), (0.32, -0.12)], fin)
    pen.polygon([(0.0, 0.2), (0.14, 0.5), (0.25, 0.42), (0.22, 0.15)], fin)
    pen.ellipse((0, 0), (0.52, plump), shaded(gold, 0.86))
    pen.ellipse((-0.02, 0.03), (0.47, plump * 0.82), gold)
    pen.ellipse((-0.06, 0.1), (0.36, plump * 0.5), mixed(gold, (255, 240, 190), 0.45))
    for x, y in ((0.05, -0.1), (0.2, -0.07), (0.12, 0.02), (0.27, 0.03), (0.2, 0.11)):
        pen.ellipse((x, y), (0.05, 0.045), (*shaded(gold, 0.75), 120))
    pen.ellipse((-0.02, 0.14), (0.13, 0.06), fin, turn=0.5)
    _fish_face(pen, gold)


def _fish_face(pen: Canvas, gold: Colour) -> None:
    pen.line([(-0.2, -0.16), (-0.15, 0), (-0.2, 0.16)], 0.03, shaded(gold, 0.7))
    pen.ellipse((-0.33, -0.06), (0.085, 0.085), WHITE)
    pen.ellipse((-0.34, -0.06), (0.05, 0.05), BLACK)
    pen.line([(-0.52, 0.06), (-0.43, 0.08)], 0.03, shaded(gold, 0.6))


def pug(canvas: Canvas, rng: Rng) -> None:
    """Head and chest of a pug, indoors or on grass."""
    room(canvas, rng)
    if rng.random() < 0.4:
        meadow(canvas, rng, rng.uniform(-0.9, 0.5))
    pen = canvas.posed(rng, (0.75, 1.1))
    furs = ((218, 184, 136), (228, 176, 118), (195, 182, 165), (235, 208, 165))
    fur = varied(rng, *furs)
    mask = varied(rng, (46, 40, 38), by=6)
    pen.ellipse((0, 1.0), (0.66, 0.75), shaded(fur, 0.9))
    pen.ellipse((0, 1.0), (0.36, 0.6), shaded(fur, 1.06))
    collars = ((190, 40, 45), (45, 90, 180), (50, 140, 80), (30, 30, 34))
    pen.ellipse((0, 0.38), (0.44, 0.2), varied(rng, *collars))
    pen.ellipse((0, -0.05), (0.56, 0.52), fur)
    for side in (-1, 1):
        pen.ellipse((0.3 * side, 0.16), (0.28, 0.26), fur)
        ear = [(0.26, -0.52), (0.52, -0.53), (0.68, -0.2), (0.62, 0.0), (0.44, -0.22)]
        pen.polygon([(x * side, y) for x, y in ear], shaded(mask, 1.15))
    face = pen.placed((rng.uniform(-0.1, 0.1), rng.uniform(-0.06, 0.04)))
    _pug_eyes(face, fur, mask)
    _pug_muzzle(face, rng, mask)


def _pug_eyes(pen: Canvas, fur: Colour, mask: Colour) -> None:
    pen.line([(0, -0.46), (0, -0.2)], 0.035, shaded(fur, 0.6))
    for side in (-1, 1):
        wrinkle = [(0.05 * side, -0.3), (0.14 * side, -0.37), (0.26 * side, -0.34)]
        pen.line(wrinkle, 0.035, shaded(fur, 0.68))
        x = 0.26 * side
        pen.ellipse((x, -0.04), (0.17, 0.16), shaded(mask, 1.2))
        pen.ellipse((x, -0.04), (0.12, 0.12), (238, 234, 226))
        pen.ellipse((x, -0.03), (0.105, 0.11), (62, 38, 24))
        pen.ellipse((x, -0.03), (0.06, 0.065), (12, 10, 10))
        pen.ellipse((x - 0.035, -0.07), (0.03, 0.03), WHITE)


def _pug_muzzle(pen: Canvas, rng: Rng, mask: Colour) -> None:
    pen.ellipse((0, 0.2), (0.34, 0.27), mask)
    if rng.random() < 0.5:
        pen.ellipse((0, 0.42), (0.09, 0.13), (226, 120, 130))
    for side in (-1, 1):
        pen.ellipse((0.13 * side, 0.25), (0.15, 0.12), shaded(mask, 1.35))
    pen.ellipse((0, 0.1), (0.115, 0.075), (16, 14, 14))
    pen.ellipse((-0.03, 0.07), (0.04, 0.02), (120, 116, 116))
    pen.line([(0, 0.16), (0, 0.29)], 0.025, BLACK)
    smile = [(-0.27, 0.28), (-0.13, 0.36), (0, 0.29), (0.13, 0.36), (0.27, 0.28)]
    pen.line(smile, 0.03, BLACK)

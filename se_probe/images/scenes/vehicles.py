"""An airliner and a school bus."""

import numpy as np

from se_probe.images.scenes.canvas import Canvas, Colour, shaded, varied
from se_probe.images.scenes.surroundings import shadow, sky, street

__all__ = ["airliner", "school_bus"]

Rng = np.random.Generator

WHITE, BLACK = (250, 250, 248), (24, 22, 22)
GLINT = (255, 255, 255, 70)


def airliner(canvas: Canvas, rng: Rng) -> None:
    """An airliner from the side, in the air or on a runway, or from below."""
    sky(canvas, rng)
    hull = varied(rng, (236, 238, 242), (205, 212, 222), by=8)
    liveries = ((30, 70, 150), (190, 40, 45), (25, 120, 100), (235, 150, 30))
    livery = varied(rng, *liveries)
    if rng.random() < 0.3:
        pen = canvas.posed(rng, (0.75, 1.0), tilt=0.7)
        _airliner_from_below(pen, hull, livery)
        return
    if rng.random() < 0.25:
        runway = varied(rng, (110, 112, 116), (140, 138, 132))
        canvas.backdrop(shaded(runway, 1.1), shaded(runway, 0.8), 0.42)
    _airliner_from_the_side(canvas.posed(rng, (0.7, 1.05), tilt=0.2), hull, livery)


def _airliner_from_the_side(pen: Canvas, hull: Colour, livery: Colour) -> None:
    """Flying left."""
    far_wing = [(0.0, -0.02), (0.3, -0.24), (0.4, -0.24), (0.25, -0.02)]
    pen.polygon(far_wing, shaded(hull, 0.75))
    pen.polygon([(0.52, -0.05), (0.78, -0.48), (0.94, -0.48), (0.88, -0.02)], livery)
    _fuselage(pen, hull)
    pen.line([(-0.9, 0.025), (0.75, 0.005)], 0.03, livery)
    for x in np.arange(-0.74, 0.6, 0.085):
        pen.ellipse((x, -0.04), (0.019, 0.024), (50, 62, 80))
    cockpit = [(-0.93, -0.05), (-0.83, -0.1), (-0.8, -0.04), (-0.9, -0.03)]
    pen.polygon(cockpit, (40, 52, 70))
    tailplane = [(0.66, -0.05), (0.9, 0.06), (1.0, 0.06), (0.88, -0.06)]
    pen.polygon(tailplane, shaded(hull, 0.7))
    pen.ellipse((0.02, 0.17), (0.13, 0.065), shaded(livery, 0.8))
    pen.ellipse((-0.09, 0.17), (0.03, 0.055), (40, 44, 50))
    near_wing = [(-0.18, 0.04), (0.12, 0.04), (0.62, 0.36), (0.5, 0.37)]
    pen.polygon(near_wing, shaded(hull, 0.6))


def _fuselage(pen: Canvas, hull: Colour) -> None:
    """Round at the nose (left), rising to a point at the tail; darker below."""
    along = np.linspace(0, 1, 20)
    nose, tail = (along / 0.14) ** 0.5, ((1 - along) / 0.3) ** 0.6
    half = 0.125 * np.minimum(1, np.minimum(nose, tail))
    x, lift = 2 * along - 1, -0.07 * ((along - 0.7) / 0.3).clip(0, 1)
    upper, lower = np.stack([x, lift - half], 1), np.stack([x, lift + half], 1)
    side = np.stack([x, lift + 0.35 * half], 1)
    pen.polygon(np.concatenate([upper, lower[::-1]]), hull)
    pen.polygon(np.concatenate([side, lower[::-1]]), shaded(hull, 0.78))


def _airliner_from_below(pen: Canvas, hull: Colour, livery: Colour) -> None:
    """Flying up."""
    for side in (-1, 1):
        half = pen.placed(flip=side < 0)
        wing = [(0.06, -0.2), (0.9, 0.26), (0.92, 0.36), (0.06, 0.14)]
        half.polygon(wing, shaded(hull, 0.74))
        half.polygon([(0.03, 0.62), (0.33, 0.82), (0.33, 0.9), (0.03, 0.8)], livery)
        half.ellipse((0.36, -0.03), (0.055, 0.13), shaded(hull, 0.5))
        body = [(0, -0.95), (0.07, -0.86), (0.095, -0.7), (0.095, 0.4), (0, 0.93)]
        half.polygon(body, shaded(hull, 0.92))
    pen.line([(0, -0.8), (0, 0.8)], 0.05, shaded(hull, 1.05))


def school_bus(canvas: Canvas, rng: Rng) -> None:
    """A school bus in a street, from the side or from the front."""
    street(canvas, rng)
    yellow = varied(rng, (250, 185, 25), (245, 170, 15), (255, 200, 50), by=8)
    pen = canvas.posed(rng, (0.7, 1.0), spread=0.15, tilt=0.05)
    if rng.random() < 0.3:
        _bus_from_the_front(pen, yellow)
    else:
        _bus_from_the_side(pen, rng, yellow)


def _bus_from_the_side(pen: Canvas, rng: Rng, yellow: Colour) -> None:
    """Driving left."""
    shadow(pen, 0, 0.5, 0.95)
    bonnet = [(-0.97, 0.08), (-0.93, 0), (-0.62, -0.05), (-0.62, 0.42), (-0.97, 0.42)]
    pen.polygon(bonnet, shaded(yellow, 0.93))
    roof = [(-0.7, -0.42), (-0.62, -0.5), (0.88, -0.5), (0.95, -0.42)]
    pen.polygon([*roof, (0.95, 0.42), (-0.7, 0.42)], yellow)
    pen.polygon(roof, shaded(yellow, 1.12))
    _bus_windows(pen, rng)
    for y in (0.0, 0.12, 0.26):
        pen.line([(-0.44, y), (0.95, y)], 0.03, BLACK)
    pen.rectangle((-1.0, 0.32, -0.9, 0.42), (60, 60, 62))
    pen.ellipse((-0.93, 0.16), (0.035, 0.05), (255, 250, 220))
    pen.ellipse((-0.6, -0.51), (0.04, 0.04), (215, 50, 40))
    if rng.random() < 0.5:  # the stop sign
        pen.ellipse((-0.3, 0.06), (0.1, 0.1), (200, 35, 35))
        pen.line([(-0.36, 0.06), (-0.24, 0.06)], 0.03, WHITE)
    for x in (-0.62, 0.58):
        pen.ellipse((x, 0.42), (0.17, 0.17), BLACK)
        pen.ellipse((x, 0.42), (0.075, 0.075), (150, 150, 152))


def _bus_windows(pen: Canvas, rng: Rng) -> None:
    glass = varied(rng, (55, 75, 95), (120, 150, 175), (40, 48, 60))
    n_windows = int(rng.integers(4, 8))
    for left in np.linspace(-0.44, 0.92, n_windows, endpoint=False):
        pen.rectangle((left, -0.34, left + 1.1 / n_windows, -0.08), glass)
        pen.polygon([(left, -0.34), (left + 0.09, -0.34), (left, -0.18)], GLINT)
    door = [(-0.68, -0.36), (-0.5, -0.36), (-0.5, 0.3), (-0.62, 0.3), (-0.66, -0.05)]
    pen.polygon(door, shaded(glass, 0.9))


def _bus_from_the_front(pen: Canvas, yellow: Colour) -> None:
    shadow(pen, 0, 0.72, 0.65)
    shoulders = [(-0.48, -0.72), (-0.36, -0.82), (0.36, -0.82), (0.48, -0.72)]
    for side in (-1, 1):
        pen.rectangle((0.3 * side, 0.45, 0.5 * side, 0.74), BLACK)
        pen.line([(0.5 * side, -0.2), (0.72 * side, -0.25)], 0.03, BLACK)
        pen.ellipse((0.72 * side, -0.18), (0.06, 0.11), BLACK)
    pen.polygon([*shoulders, (0.55, 0.5), (-0.55, 0.5)], yellow)
    pen.rectangle((-0.28, -0.76, 0.28, -0.62), shaded(yellow, 1.15))
    pen.line([(-0.22, -0.69), (0.22, -0.69)], 0.06, BLACK)
    pen.polygon(
        [(-0.3, 0.0), (0.3, 0.0), (0.36, 0.4), (-0.36, 0.4)], shaded(yellow, 0.88)
    )
    for side in (-1, 1):
        half = pen.placed(flip=side < 0)
        half.polygon(
            [(0.02, -0.55), (0.43, -0.55), (0.47, -0.1), (0.02, -0.1)], (60, 78, 98)
        )
        half.polygon([(0.3, -0.55), (0.43, -0.55), (0.33, -0.1), (0.22, -0.1)], GLINT)
        half.ellipse((0.42, -0.72), (0.055, 0.055), (215, 50, 40))
        half.ellipse((0.43, 0.26), (0.085, 0.085), (255, 250, 225))
    for y in (0.16, 0.23, 0.3):
        pen.line([(-0.24, y), (0.24, y)], 0.03, BLACK)
    pen.rectangle((-0.58, 0.42, 0.58, 0.54), (45, 45, 47))

"""Small coloured shapes drawn from a seed: the data that needs no download.

A shape is the set of points with a negative signed distance d(x, y), in
units of its radius, x to the right, y up, the origin at its centre. The
share of a pixel that a shape covers is clip(1/2 - d, 0, 1), d in pixels:
that smooths the edges. Distances: I. Quilez, "2D distance functions",
https://iquilezles.org/articles/distfunctions2d/.
"""

import numpy as np


def _box(x, y, w, h):
    dx, dy = np.abs(x) - w, np.abs(y) - h
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.minimum(np.maximum(dx, dy), 0)


def _polygon(x, y, corners):
    """Distance to the nearest edge; its sign by counting crossings."""
    nearest, inside = np.inf, False
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = b - a
        along = ((x - a[0]) * ex + (y - a[1]) * ey) / (ex * ex + ey * ey)
        along = np.clip(along, 0, 1)
        away = (x - a[0] - along * ex) ** 2 + (y - a[1] - along * ey) ** 2
        nearest = np.minimum(nearest, away)
        # Does the ray from the point to the left cross this edge?
        crosses = (a[1] > y) != (b[1] > y)
        side = (x - a[0]) * ey - (y - a[1]) * ex
        inside = inside ^ (crosses & ((side > 0) == (ey > 0)))
    return np.where(inside, -1, 1) * np.sqrt(nearest)


def _spikes(n, inner, turn=np.pi / 2):
    """Corners of a star with n spikes; inner=cos(pi/n): a polygon."""
    angle = turn + np.arange(2 * n) * np.pi / n
    radius = np.where(np.arange(2 * n) % 2, inner, 1)
    corners = radius * [np.cos(angle), np.sin(angle)]
    return corners.T.astype(np.float32)


def _circle(x, y):
    return np.hypot(x, y) - 0.92


def _square(x, y):
    return _box(x, y, 0.72, 0.72) - 0.08


def _triangle(x, y):
    return _polygon(x, y + 0.22, _spikes(3, 0.5)[::2]) - 0.08


def _star(x, y):
    return _polygon(x, y + 0.06, _spikes(5, 0.48)) - 0.06


def _ring(x, y):
    return np.abs(np.hypot(x, y) - 0.68) - 0.25


def _cross(x, y):
    arms = np.minimum(_box(x, y, 0.88, 0.25), _box(x, y, 0.25, 0.88))
    return arms - 0.05


def _heart(x, y):
    """Two discs over the corner of a square standing on its tip."""
    x, y = np.abs(x) / 1.6, (y + 0.86) / 1.6
    # Above the line x + y = 1 the nearest edge is the disc's.
    disc = np.hypot(x - 0.25, y - 0.75) - np.sqrt(2) / 4
    half = 0.5 * np.maximum(x + y, 0)
    corner = np.minimum(x**2 + (y - 1) ** 2, (x - half) ** 2 + (y - half) ** 2)
    tip = np.sqrt(corner) * np.sign(x - y)
    return 1.6 * np.where(x + y > 1, disc, tip)


def _moon(x, y):
    disc = np.hypot(x + 0.06, y) - 0.95
    bite = np.hypot(x - 0.42, y - 0.12) - 0.74
    return np.maximum(disc, -bite)


_SHAPES = (_circle, _square, _triangle, _star, _ring, _cross, _heart, _moon)
SPRITE_NAMES = tuple(shape.__name__[1:] for shape in _SHAPES)

_COLOURS = np.array([
    (228, 72, 62), (240, 140, 46), (244, 192, 60), (92, 176, 92),
    (42, 166, 164), (62, 124, 216), (130, 92, 200), (226, 96, 152),
], np.float32)
_BACKGROUNDS = np.array([(248, 245, 238), (30, 33, 48)], np.float32)

# The stripes of each shape: direction in eighths of a turn, width in pixels,
# and whether they are pale (1) or deep (0) versions of the shape's colour.
_STRIPES = np.array([
    (0, 5, 1), (1, 5, 1), (2, 5, 1), (3, 4, 0),
    (2, 4, 0), (1, 4, 1), (0, 4, 0), (3, 5, 0),
], np.float32)


def sprites(n, style="mixed", rng=None, size=28, background="mixed"):
    """(uint8 [n, size, size, 3], labels int64 [n] into SPRITE_NAMES).

    style: "solid", "striped", or "mixed": each with probability 1/2;
    background: "light", "dark" or "mixed". Shape, colour (8 and a small
    variation), radius (7.5 to 11.5 pixels of 28) and centre are drawn
    independently from rng (a Generator or a seed; None: seed 0).
    ValueError: another style or background, or n < 0.
    """
    _check("style", style, "solid", "striped", "mixed")
    _check("background", background, "light", "dark", "mixed")
    scene = _draw_scene(n, np.random.default_rng(0 if rng is None else rng))
    if background != "mixed":
        scene["background"][:] = _BACKGROUNDS[int(background == "dark")]
    chance = {"mixed": 0.5, "solid": 0, "striped": 1}[style]
    striped = scene.pop("coin") < chance
    return _render(striped=striped, size=size, **scene), scene["label"]


def _check(name, value, *known):
    if value not in known:
        raise ValueError(f"{name} is one of {', '.join(known)}; "
                         f"not {value!r}")


def sprite_pairs(n, rng=None, size=28):
    """(solid, striped), both uint8 [n, size, size, 3]: row i is the same
    shape, colour, background and place in both.

    The stripes are a fixed function of the solid image: the shape decides
    their direction, width and shade, its centre where they begin. rng as
    for sprites.
    """
    scene = _draw_scene(n, np.random.default_rng(0 if rng is None else rng))
    del scene["coin"]
    no = np.zeros(n, bool)
    return (_render(striped=no, size=size, **scene),
            _render(striped=~no, size=size, **scene))


def _draw_scene(n, rng):
    if n < 0:
        raise ValueError(f"n is a number of sprites, not {n}")
    radius = rng.uniform(7.5, 11.5, n)
    room = (12.5 - radius)[:, None]  # the shape stays inside the image
    colour = _COLOURS[rng.integers(len(_COLOURS), size=n)]
    return {
        "label": rng.integers(len(_SHAPES), size=n),
        "radius": radius.astype(np.float32),
        "centre": (rng.uniform(-1, 1, (n, 2)) * room).astype(np.float32),
        "colour": np.clip(colour + rng.normal(0, 7, (n, 3)), 0, 255),
        "background": _BACKGROUNDS[rng.integers(2, size=n)],
        "coin": rng.random(n),
    }


def _render(label, radius, centre, colour, background, striped, size):
    images = np.empty((len(label), size, size, 3), np.uint8)
    unit = 28 / size  # a pixel's width in the 28 x 28 design
    at = ((np.arange(size) + 0.5) * unit - 14).astype(np.float32)
    for k, shape in enumerate(_SHAPES):
        rows = np.flatnonzero(label == k)
        for some in np.array_split(rows, len(rows) // 512 + 1):
            x = at - centre[some, :1, None]             # [n, 1, W]
            y = -at[:, None] - centre[some, 1:, None]   # [n, H, 1]
            r = radius[some, None, None]
            depth = -shape(x / r, y / r) * r
            inside = np.clip(0.5 + depth / unit, 0, 1)
            ink = _stripes(k, x, y, unit) * striped[some, None, None]
            # An unstriped rim, one pixel of 28 wide, keeps the outline.
            ink = ink * np.clip(0.5 + (depth - 1) / unit, 0, 1)
            images[some] = _paint(inside, ink, colour[some],
                                  background[some], _STRIPES[k, 2])
    return images


def _stripes(k, x, y, unit):
    """Share of each pixel under a stripe of shape k, [n, H, W]."""
    angle, width, _ = _STRIPES[k]
    across = x * np.cos(angle * np.pi / 4) + y * np.sin(angle * np.pi / 4)
    phase = np.abs((across / width + 0.25) % 1 - 0.5)  # 0 mid-stripe
    return np.clip(0.5 + (0.25 - phase) * width / unit, 0, 1)


def _paint(inside, ink, colour, background, pale):
    """Mix background, colour and stripe colour by coverage: [n, H, W, 3]."""
    shade = 0.22 * colour + 0.78 * 255 if pale else 0.45 * colour
    colour, shade, background = (
        c[:, None, None, :] for c in (colour, shade, background))
    ink, inside = ink[..., None], inside[..., None]
    filled = colour + ink * (shade - colour)
    return np.rint(background + inside * (filled - background))

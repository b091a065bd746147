"""Generates photos for the demo: landscapes, all different, and the same in every run.

A picture costs some tens of milliseconds: skies are gradients of one column, everything else is a
few dozen polygons, and what glows is blurred small and enlarged.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

Colour = tuple[int, int, int]

SIZES = ((1080, 1080), (1080, 1350), (1350, 1080))
_QUALITY = 88

DAWNS: Sequence[Sequence[Colour]] = (
    ((38, 42, 92), (176, 88, 128), (250, 170, 120), (255, 224, 168)),
    ((18, 44, 86), (70, 120, 160), (238, 178, 138), (255, 236, 200)),
    ((60, 30, 80), (200, 70, 90), (248, 150, 80), (255, 214, 130)),
    ((24, 70, 110), (120, 180, 200), (250, 220, 190), (255, 244, 226)),
)
NIGHTS: Sequence[Sequence[Colour]] = (
    ((6, 8, 28), (14, 24, 58), (40, 52, 96)),
    ((10, 6, 30), (34, 20, 70), (84, 46, 104)),
    ((4, 14, 26), (8, 40, 60), (28, 84, 96)),
)
DAYS: Sequence[Sequence[Colour]] = (
    ((58, 120, 190), (130, 180, 226), (226, 238, 246)),
    ((90, 150, 190), (180, 212, 220), (250, 242, 224)),
)
WARM: Sequence[Colour] = (
    (214, 84, 64),
    (240, 160, 70),
    (250, 208, 120),
    (150, 60, 90),
    (90, 110, 90),
)
WARES: Sequence[Colour] = (
    (196, 92, 70),
    (88, 124, 132),
    (222, 176, 96),
    (120, 140, 96),
    (104, 84, 120),
)


def draw(motif: str, seed: int, size: tuple[int, int] | None = None) -> bytes:
    """Return a JPEG of a motif. The same seed gives the same picture."""
    chance = random.Random(f"{motif}:{seed}")  # noqa: S311
    image = MOTIFS[motif](chance, size or chance.choice(SIZES))
    written = io.BytesIO()
    _grain(image, chance).save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


def portrait(seed: int) -> bytes:
    """Return a simple face for a profile."""
    chance = random.Random(f"portrait:{seed}")  # noqa: S311
    size = (400, 400)
    image = _gradient(size, chance.choice([*DAWNS, *DAYS]))
    pen = ImageDraw.Draw(image)
    skin = chance.choice([(244, 208, 178), (222, 172, 132), (172, 118, 82), (112, 74, 52)])
    hair = chance.choice(
        [(40, 28, 24), (92, 58, 34), (190, 140, 70), (160, 70, 40), (120, 120, 124)]
    )
    shirt = chance.choice(WARES)
    width = chance.randint(84, 98)
    if chance.random() < 0.5:  # long hair
        pen.ellipse((200 - width - 26, 76, 200 + width + 26, 346), fill=hair)
    pen.ellipse((60, 300, 340, 560), fill=shirt)
    pen.rounded_rectangle((168, 250, 232, 330), 28, fill=_darker(skin, 0.9))
    pen.ellipse((200 - width, 96, 200 + width, 300), fill=skin)
    tilt = chance.randint(-12, 12)
    pen.chord((200 - width - 4, 84, 200 + width + 4, 300), 200 + tilt, 340 + tilt, fill=hair)
    for side in (-1, 1):
        x = 200 + side * 38
        pen.ellipse((x - 8, 196, x + 8, 212), fill=(40, 34, 34))
    pen.arc((164, 216, 236, 262), 20, 160, fill=_darker(skin, 0.55), width=6)
    return _jpeg(image.filter(ImageFilter.GaussianBlur(0.8)))


def header(seed: int) -> bytes:
    """Return a wide picture for the header of a profile."""
    return draw("mountains" if seed % 2 else "sea", 10_000 + seed, (1500, 500))


# ── motifs ──────────────────────────────────────────────────────────────────────────────────────


def _sea(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    width, height = size
    sky = chance.choice(DAWNS)
    image = _gradient(size, sky)
    horizon = int(height * chance.uniform(0.52, 0.64))
    sun_x, sun_y = int(width * chance.uniform(0.25, 0.75)), horizon - int(height * 0.05)
    _glow(image, sun_x, sun_y, int(width * 0.42), (255, 226, 170))
    pen = ImageDraw.Draw(image)
    radius = int(width * chance.uniform(0.045, 0.07))
    pen.ellipse(
        (sun_x - radius, sun_y - radius, sun_x + radius, sun_y + radius), fill=(255, 244, 214)
    )
    water = _gradient(
        (width, height - horizon), [sky[2], _darker(sky[1], 0.7), _darker(sky[0], 0.8)]
    )
    image.paste(water, (0, horizon))
    for _ in range(240):  # the sun's way over the water
        y = horizon + int((height - horizon) * chance.random() ** 1.6)
        spread = 20 + (y - horizon) * 0.55
        x, length = sun_x + chance.gauss(0, spread / 2), spread * chance.uniform(0.15, 0.7)
        light = _mix(sky[3], sky[1], chance.random() * 0.6)
        pen.line((x - length / 2, y, x + length / 2, y), fill=light, width=chance.choice((2, 3, 4)))
    if chance.random() < 0.6:
        _boat(pen, chance, width, horizon)
    return image


def _mountains(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    width, height = size
    sky = chance.choice([*DAWNS, *DAYS])
    image = _gradient(size, sky)
    _glow(image, int(width * chance.random()), int(height * 0.42), int(width * 0.5), sky[-1])
    near = chance.choice([(24, 34, 52), (34, 44, 40), (44, 30, 56)])
    layers = chance.randint(4, 6)
    pen = ImageDraw.Draw(image)
    for layer in range(layers):
        depth = (layer + 1) / layers
        base = height * (0.42 + 0.46 * depth)
        colour = _mix(sky[-2], near, depth**1.2)
        pen.polygon(_ridge(chance, size, base, height * 0.16 * (1.15 - depth / 2)), fill=colour)
    return image


def _city(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    width, height = size
    sky = chance.choice(NIGHTS)
    image = _gradient(size, [*sky, (214, 120, 92)])
    _glow(image, width // 2, int(height * 0.95), int(width * 0.8), (240, 150, 90))
    pen = ImageDraw.Draw(image)
    for depth in (0.35, 0.65, 1.0):
        x = -20
        wall = _mix(sky[-1], (10, 10, 18), depth)
        while x < width:
            wide = chance.randint(50, 130)
            top = int(height * (0.78 - chance.random() * 0.42 * (1.1 - depth * 0.5)))
            pen.rectangle((x, top, x + wide, height), fill=wall)
            if depth > 0.5:
                _windows(pen, chance, (x, top, x + wide, height))
            x += wide + chance.randint(-6, 14)
    return image


def _forest(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    width, height = size
    mist = chance.choice([(206, 222, 214), (226, 214, 196), (190, 208, 222)])
    image = _gradient(size, [_darker(mist, 0.75), mist, (246, 244, 232)])
    _glow(image, int(width * chance.random()), int(height * 0.3), int(width * 0.5), (255, 250, 226))
    pen = ImageDraw.Draw(image)
    dark = chance.choice([(16, 42, 36), (30, 40, 26), (18, 34, 48)])
    for depth in (0.25, 0.5, 0.75, 1.0):
        ground = height * (0.5 + 0.42 * depth)
        colour = _mix(mist, dark, depth)
        pen.polygon(_ridge(chance, size, ground, height * 0.03), fill=colour)
        for _ in range(int(34 - 22 * depth)):
            x, tall = (
                chance.uniform(0, width),
                height * (0.08 + 0.34 * depth) * chance.uniform(0.7, 1.2),
            )
            _fir(pen, x, ground + height * 0.03, tall, colour)
    return image


def _aurora(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    width, height = size
    image = _gradient(size, chance.choice(NIGHTS))
    pen = ImageDraw.Draw(image)
    for _ in range(260):
        x, y = chance.uniform(0, width), chance.uniform(0, height * 0.75)
        r = chance.choice((1, 1, 1, 2))
        pen.ellipse(
            (x - r, y - r, x + r, y + r),
            fill=_mix((120, 130, 170), (255, 255, 255), chance.random()),
        )
    small = Image.new("RGB", (width // 6, height // 6))
    brush = ImageDraw.Draw(small)
    for _ in range(chance.randint(2, 4)):
        colour = chance.choice([(40, 220, 140), (60, 200, 190), (160, 90, 220), (90, 240, 120)])
        phase, pace, base = chance.uniform(0, 6), chance.uniform(1.5, 4), chance.uniform(0.3, 0.55)
        for x in range(small.width):
            wave = math.sin(phase + pace * x / small.width * math.pi) * 0.08
            low = small.height * (base + wave)
            high = low - small.height * (0.2 + 0.08 * math.sin(phase * 2 + x / 9))
            brush.line((x, high, x, low), fill=colour)
    veil = small.filter(ImageFilter.GaussianBlur(5)).resize(size, Image.Resampling.BICUBIC)
    image = ImageChops.screen(image, ImageEnhance.Brightness(veil).enhance(0.85))
    ImageDraw.Draw(image).polygon(
        _ridge(chance, size, height * 0.86, height * 0.08), fill=(6, 8, 16)
    )
    return image


def _garden(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    width, height = size
    image = _gradient(size, [(226, 236, 214), (188, 210, 168), (110, 148, 100)])
    blurred = ImageDraw.Draw(image)
    for _ in range(40):  # what is out of focus
        x, y, r = chance.uniform(0, width), chance.uniform(0, height), chance.uniform(30, 110)
        blurred.ellipse(
            (x - r, y - r, x + r, y + r), fill=_mix((150, 190, 130), chance.choice(WARM), 0.4)
        )
    image = image.resize((width // 8, height // 8)).filter(ImageFilter.GaussianBlur(4)).resize(size)
    pen = ImageDraw.Draw(image)
    for _ in range(chance.randint(4, 8)):
        x, y, r = (
            chance.uniform(0.1, 0.9) * width,
            chance.uniform(0.2, 0.75) * height,
            width * chance.uniform(0.06, 0.12),
        )
        pen.line((x, y, x + chance.uniform(-60, 60), height), fill=(60, 100, 58), width=9)
        _flower(pen, chance, x, y, r)
    return image


def _still_life(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    """Draw a vase or a cup on a table; shops sell these, too."""
    width, height = size
    wall = chance.choice([(236, 226, 212), (206, 216, 216), (230, 212, 200), (196, 204, 190)])
    image = _gradient(size, [_darker(wall, 0.9), wall])
    _glow(image, int(width * 0.3), int(height * 0.3), int(width * 0.6), (255, 250, 240))
    pen = ImageDraw.Draw(image)
    table = int(height * 0.72)
    pen.rectangle((0, table, width, height), fill=_darker(chance.choice(WARES), 0.8))
    body, middle = chance.choice(WARES), width / 2
    base, half = table + height * 0.1, width * chance.uniform(0.14, 0.2)
    shadow = Image.new("L", size)
    ImageDraw.Draw(shadow).ellipse(
        (middle - half * 1.2, base - 26, middle + half * 2.0, base + 30), fill=120
    )
    image.paste((30, 24, 28), (0, 0), shadow.filter(ImageFilter.GaussianBlur(16)))
    points = _profile(chance, half, height * chance.uniform(0.26, 0.42))
    outline = [(middle + x, base - y) for x, y in points]
    outline += [(middle - x, base - y) for x, y in reversed(points)]
    pen.polygon(outline, fill=body)
    light = [(middle - x * 0.55, base - y) for x, y in points] + [
        (middle - x * 0.8, base - y) for x, y in reversed(points)
    ]
    pen.polygon(light, fill=_mix(body, (255, 255, 255), 0.28))
    if chance.random() < 0.6:
        top = base - points[-1][1]
        for _ in range(5):
            x, y = middle + chance.gauss(0, half * 0.8), top - height * chance.uniform(0.08, 0.24)
            pen.line((middle, top + 6, x, y), fill=(78, 104, 70), width=6)
            _flower(pen, chance, x, y, width * 0.035)
    return image


MOTIFS: dict[str, Callable[[random.Random, tuple[int, int]], Image.Image]] = {
    "sea": _sea,
    "mountains": _mountains,
    "city": _city,
    "forest": _forest,
    "aurora": _aurora,
    "garden": _garden,
    "still life": _still_life,
}


# ── parts ───────────────────────────────────────────────────────────────────────────────────────


def _gradient(size: tuple[int, int], colours: Sequence[Colour]) -> Image.Image:
    column = Image.new("RGB", (1, len(colours)))
    column.putdata(list(colours))
    return column.resize(size, Image.Resampling.BICUBIC)


def _glow(image: Image.Image, x: int, y: int, radius: int, colour: Colour) -> None:
    """Draw light around a point."""
    small = Image.new("L", (64, 64))
    ImageDraw.Draw(small).ellipse((18, 18, 46, 46), fill=190)
    soft = small.filter(ImageFilter.GaussianBlur(8)).resize(
        (radius * 2, radius * 2), Image.Resampling.BICUBIC
    )
    image.paste(colour, (x - radius, y - radius), soft)


def _ridge(
    chance: random.Random, size: tuple[int, int], base: float, rise: float
) -> list[tuple[float, float]]:
    """Return the outline of hills, down to the bottom of the picture."""
    width, height = size
    waves = [
        (chance.uniform(0.6, 5.5) ** 1.4, chance.uniform(0, 7), chance.uniform(0.2, 1))
        for _ in range(6)
    ]
    points = []
    for step in range(0, width + 12, 12):
        at = step / width * math.pi
        up = sum(
            strength / (1 + pace / 3) * math.sin(pace * at + phase)
            for pace, phase, strength in waves
        )
        points.append((float(step), base - rise * up + chance.uniform(-2, 2)))
    return [*points, (float(width + 12), float(height)), (0.0, float(height))]


def _boat(pen: ImageDraw.ImageDraw, chance: random.Random, width: int, horizon: int) -> None:
    x, y, s = width * chance.uniform(0.15, 0.85), horizon + 14, width * chance.uniform(0.02, 0.035)
    dark = (28, 26, 44)
    pen.polygon(
        [(x - s, y), (x + s, y), (x + s * 0.7, y + s * 0.4), (x - s * 0.7, y + s * 0.4)], fill=dark
    )
    pen.polygon([(x, y - 2.4 * s), (x, y - 3), (x + s * 0.9, y - 3)], fill=dark)
    pen.polygon([(x - 4, y - 2.1 * s), (x - 4, y - 3), (x - s * 0.7, y - 3)], fill=dark)


def _windows(
    pen: ImageDraw.ImageDraw, chance: random.Random, house: tuple[int, int, int, int]
) -> None:
    left, top, right, bottom = house
    lit = chance.uniform(0.2, 0.6)
    for y in range(top + 12, bottom, 22):
        for x in range(left + 8, right - 12, 18):
            if chance.random() < lit:
                light = _mix((255, 214, 140), (255, 244, 214), chance.random())
                pen.rectangle((x, y, x + 7, y + 11), fill=light)


def _fir(pen: ImageDraw.ImageDraw, x: float, ground: float, tall: float, colour: Colour) -> None:
    for part in range(4):
        low, half = ground - tall * part * 0.22, tall * (0.2 - part * 0.04)
        pen.polygon([(x - half, low), (x + half, low), (x, low - tall * 0.36)], fill=colour)


def _flower(pen: ImageDraw.ImageDraw, chance: random.Random, x: float, y: float, r: float) -> None:
    colour, petals = chance.choice(WARM[:4]), chance.randint(6, 10)
    for petal in range(petals):
        at = petal / petals * 2 * math.pi
        px, py, half = x + math.cos(at) * r * 0.6, y + math.sin(at) * r * 0.6, r * 0.42
        shade = _mix(colour, (255, 255, 255), 0.12 if petal % 2 else 0.0)
        pen.ellipse((px - half, py - half, px + half, py + half), fill=shade)
    pen.ellipse((x - r * 0.32, y - r * 0.32, x + r * 0.32, y + r * 0.32), fill=(250, 220, 130))


def _profile(chance: random.Random, half: float, tall: float) -> list[tuple[float, float]]:
    """Return half of the outline of turned pottery, from foot to rim."""
    belly, neck = chance.uniform(0.9, 1.3), chance.uniform(0.4, 0.95)
    phase = chance.uniform(0.8, 1.4)
    points = []
    for step in range(25):
        at = step / 24
        wide = 0.6 + (belly - 0.6) * math.sin(min(1.0, at * phase) * math.pi)
        points.append((half * (wide * (1 - at) + neck * at), tall * at))
    return points


def _grain(image: Image.Image, chance: random.Random) -> Image.Image:
    """Add noise; `effect_noise` of Pillow would differ in every run."""
    noise = Image.frombytes("L", (128, 128), chance.randbytes(128 * 128))
    grain = noise.resize(image.size, Image.Resampling.NEAREST).convert("RGB")
    return Image.blend(image, grain, 0.025)


def _jpeg(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    share = min(1.0, max(0.0, share))
    return (
        round(one[0] + (other[0] - one[0]) * share),
        round(one[1] + (other[1] - one[1]) * share),
        round(one[2] + (other[2] - one[2]) * share),
    )


def _darker(colour: Colour, share: float) -> Colour:
    return _mix((0, 0, 0), colour, share)

"""Images in, batches out: sprites, MNIST, emoji, a folder; save_grid.

Loaders return uint8 [n, H, W, C]; models see float32 in [-1, 1].
"""

import io
import math
import warnings
from pathlib import Path

import numpy as np

from .emoji import emoji
from .files import check_size, replacing
from .mnist import MNIST_FILES, cache_folder, find_mnist, mnist
from .progress import Progress
from .sprites import SPRITE_NAMES, sprite_pairs, sprites

__all__ = ["MNIST_FILES", "SPRITE_NAMES", "Batches", "ImagePool", "Unpaired",
           "as_float", "batches", "cache_folder", "check_batch",
           "check_shape", "emoji", "find_mnist", "folder", "in_range",
           "mnist", "read_folder", "save_grid", "sprite_pairs", "sprites",
           "to_float", "to_uint8"]

# ---- numbers <-> pixels ----------------------------------------------------

# The largest size of a value in [-1, 1]: resizing and rounding overshoot
LIMIT = 1.0001


def to_float(images):
    """x / 127.5 - 1: uint8 0..255 to float32 [-1, 1], any shape.

    TypeError: not uint8.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(f"to_float takes uint8, not {images.dtype}")
    return images / np.float32(127.5) - np.float32(1)


def as_float(images):
    """to_float of uint8; floats as they are."""
    return to_float(images) if images.dtype == np.uint8 else images


def to_uint8(images):
    """round((x + 1) * 127.5): float [-1, 1] to uint8 0..255, any shape.

    ValueError: a value beyond [-1, 1] by more than 1e-4, or not a number.
    """
    images = in_range(images, "to_uint8")
    return np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)


def in_range(images, who):
    """images, checked: floats, none outside [-1, 1] by more than 1e-4."""
    images = np.asarray(images)
    if images.dtype.kind != "f":
        raise ValueError(f"{who} takes floats in [-1, 1], "
                         f"not {images.dtype}")
    low, high = (images.min(), images.max()) if images.size else (0, 0)
    if not (low >= -LIMIT and high <= LIMIT):  # not (...): NaN is refused
        raise ValueError(f"{who} takes values in [-1, 1], but these reach "
                         f"from {low:.6g} to {high:.6g}")
    return images


def check_shape(images, config):
    """ValueError unless the images are N size size channels, as `config`
    says, and not none."""
    c, kind = config, type(config).__name__.removesuffix("Config")
    if not isinstance(images, np.ndarray) or images.ndim != 4:
        what = (f"an array of {images.shape}" if isinstance(
            images, np.ndarray) else f"a {type(images).__name__}")
        raise ValueError(f"a {kind} takes images N H W C, the batch holds "
                         f"{what}: make it an array of four axes")
    if len(images) == 0:
        raise ValueError("the batch is empty")
    if images.shape[1:] != (c.size, c.size, c.channels):
        raise ValueError(
            f"this {kind} makes images {c.size} x {c.size} x {c.channels}, "
            f"the batch holds {images.shape[1:]}; set size and channels in "
            f"{kind}Config to those of your images")


def check_batch(images, config):
    """ValueError unless the images are what the model of `config` trains on:
    N size size channels, floats in [-1, 1], and not none."""
    check_shape(images, config)
    kind = type(config).__name__.removesuffix("Config")
    if images.dtype.kind != "f" or not np.abs(images).max() <= LIMIT:
        raise ValueError(
            f"the batch holds {images.dtype} in {images.min():.3g}.."
            f"{images.max():.3g}; a {kind} trains on floats in [-1, 1]: use "
            "tg.data.batches or tg.data.to_float")


# ---- batches ---------------------------------------------------------------


class Batches:
    """Batches without end: epoch after epoch, each in a new random order.

    The images left over at an epoch's end, fewer than a batch, wait for
    another epoch's order. state() and load_state() give and take the place
    in the order as a dict that JSON can hold: what follows is the same to
    the bit. images: uint8, or floats in [-1, 1]; [n, ...].
    ValueError: size is not 1 to n; floats outside [-1, 1].
    """

    def __init__(self, images, size, rng):
        images = np.asarray(images)
        if images.dtype != np.uint8:
            images = np.asarray(in_range(images, "batches"), np.float32)
        if images.size == 0 or images.ndim == 0:
            raise ValueError("there are no images to cut a batch from")
        if size not in range(1, len(images) + 1):
            raise ValueError(f"a batch of {size!r} cannot be cut from "
                             f"{len(images)} images: choose a size (--batch) "
                             f"from 1 to {len(images)}, or add images")
        size = int(size)
        self.images, self.size, self.rows = images, size, None
        # A generator of its own, so that no other draw disturbs the order
        self.rng = np.random.default_rng(rng).spawn(1)[0]
        self._new_epoch()

    def _new_epoch(self):
        self.before = self.rng.bit_generator.state
        self.order = self.rng.permutation(len(self.images))
        self.position = 0

    def __iter__(self):
        return self

    def __next__(self):
        """The next batch, float32 [size, ...] in [-1, 1]; `rows` says which
        images these are."""
        if self.position + self.size > len(self.images):
            self._new_epoch()
        self.rows = self.order[self.position:self.position + self.size]
        self.position += self.size
        return as_float(self.images[self.rows])

    def state(self):
        """Where it stands: the random state before this epoch's order, and
        the number of images taken from it."""
        return {"rng": self.before, "position": self.position}

    def load_state(self, state):
        """Go to where `state` was taken (same images, same size)."""
        self.rng.bit_generator.state = state["rng"]
        self._new_epoch()
        self.position = state["position"]


class Unpaired:
    """Batches of two sets at once, (a, b): each in an order of its own.

    The sets need not be of one size. state() and load_state() as above.
    """

    def __init__(self, images, size, rng):
        orders = np.random.default_rng(rng).spawn(len(images))
        self.parts = []
        for name, some, order in zip("abcdefgh", images, orders):
            try:
                self.parts.append(Batches(some, size, order))
            except ValueError as error:
                raise ValueError(f"set {name}: {error}") from None
        self.images = tuple(part.images for part in self.parts)

    def __iter__(self):
        return self

    def __next__(self):
        return tuple(map(next, self.parts))

    def state(self):
        return [part.state() for part in self.parts]

    def load_state(self, state):
        for part, its in zip(self.parts, state, strict=True):
            part.load_state(its)


def batches(images, size, rng):
    """Batches(images, size, rng): float32 [size, ...] in [-1, 1], for ever.

    rng, a numpy Generator or a seed, decides the order. For a tuple of two
    sets of images: Unpaired, whose batches are tuples (a, b).
    """
    kind = Unpaired if isinstance(images, tuple) else Batches
    return kind(images, size, rng)


class ImagePool:
    """Generated images of the past, so that D does not forget them.

    pool(images, rng) returns as many, each with probability 1/2 exchanged
    for one in the pool, whose place it takes; while the pool fills up, the
    images themselves. size 0: always they. Shrivastava et al. (2017); the
    rule is that of the code of Zhu et al. (2017).
    """

    def __init__(self, size, shape):
        self.images = np.zeros((size, *shape), np.float32)
        self.count = np.zeros((), np.int64)

    def __call__(self, images, rng):
        if len(self.images) == 0:
            return images
        shown = np.array(images)
        for k, image in enumerate(images):
            if self.count < len(self.images):
                self.images[self.count] = image
                self.count += 1
            elif rng.random() > 0.5:
                at = rng.integers(len(self.images))
                shown[k], self.images[at] = self.images[at], image
        return shown


# ---- a folder of images ----------------------------------------------------

# Others are not opened, whatever their ending says: Pillow would hand an EPS
# file, a program in PostScript, to Ghostscript to run.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
PIXELS, SIDE = 50_000_000, 4096


def folder(path, size=28):
    """uint8 [n, size, size, 3]: every image below `path`, by name.

    See read_folder, which also gives the names.
    """
    return read_folder(path, size)[1]


def read_folder(path, size=28):
    """(files, uint8 [n, size, size, 3]): the images below `path`, by name.

    Each is turned upright, cut to its central square, resized, and laid on
    white where it is transparent. Files that cannot be read, and images of
    more than 50 million pixels, are skipped, and a UserWarning names them.
    FileNotFoundError: no such folder; ValueError: no image in it that can
    be read, or a size that is not from 1 to 4096.
    """
    from PIL import Image
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is not a folder of images")
    if not 1 <= size <= SIDE:
        raise ValueError(f"size is a number of pixels from 1 to {SIDE}, not "
                         f"{size}")
    known = Image.registered_extensions()
    files = [f for f in sorted(path.rglob("*")) if f.suffix.lower() in known
             and not f.name.startswith(".") and f.is_file()]
    images, good, bad = [], [], []
    with Progress(len(files), "images") as line:
        for done, file in enumerate(files, 1):
            try:
                images.append(_read_image(file, size))
                good.append(file)
            except Exception as error:  # Pillow raises many kinds
                bad.append(f"{file.relative_to(path)} ({error})".replace(
                    str(file), file.name))
            line.update(done)
    named = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more"
                                  if len(bad) > 5 else "")
    if not images:
        why = (f"none of its {len(bad)} image files can be read: {named}"
               if bad else "no .png, .jpg or other image file is in it")
        raise ValueError(f"{path} has no images: {why}")
    if bad:
        warnings.warn(f"{path}: skipped {len(bad)} of {len(files)} files "
                      f"that cannot be read: {named}", stacklevel=3)
    return good, np.stack(images)


def _read_image(file, size):
    """One image file as uint8 [size, size, 3]."""
    from PIL import Image
    check_size(file, 1 << 28)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd notes in a good image
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=FORMATS) as image:
            return _to_square(image, size)


def _to_square(image, size):
    """An image, only opened as yet, as uint8 [size, size, 3]."""
    from PIL import Image, ImageOps
    image.draft("RGB", (2 * size, 2 * size))  # JPEG: decode no more
    if image.width * image.height > PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels: make it "
                         "smaller")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # Pillow would clip at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("F", "I"):
        raise ValueError(f"pixels of type {image.mode}, not 8 or 16 bits")
    image = image.convert("RGBA")
    image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB"))


# ---- pictures out ----------------------------------------------------------


def save_grid(images, path, columns=None, scale=2):
    """Write images side by side to `path` (its ending names the format).

    images: uint8, or floats in [-1, 1]; [n, H, W, C] with C 1 or 3.
    columns: by default about the square root of n. Each pixel becomes
    scale x scale pixels, with white lines between the images.
    ValueError: no images, another shape, values outside [-1, 1], an
    unknown format.
    """
    from PIL import Image
    grid = grid_picture(images, columns, scale)
    kind = Image.registered_extensions().get(Path(path).suffix.lower())
    if kind not in Image.SAVE:      # some can only be read
        raise ValueError(f"{path} has no file extension of a picture: call "
                         "it grid.png, say")
    with replacing(path) as part:
        grid.save(part, compress_level=4)   # PNG: as small as 6, and faster


def grid_picture(images, columns=None, scale=2):
    """The same as save_grid writes, as an Image of Pillow."""
    from PIL import Image
    images = np.asarray(images)
    if images.dtype != np.uint8:
        images = to_uint8(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.size == 0:
        raise ValueError("save_grid takes images [n, H, W, 1 or 3], not "
                         f"{list(images.shape)}")
    n, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(n)), n)
    rows = math.ceil(n / columns)
    grid = np.full((rows, height + 1, columns, width + 1, channels), 255,
                   np.uint8)
    for k, image in enumerate(images):
        grid[k // columns, :-1, k % columns, :-1] = image
    grid = grid.reshape(rows * (height + 1), -1, channels)[:-1, :-1]
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(grid.squeeze(2) if channels == 1 else grid)


def grid_png(images, columns=None, scale=2):
    """The same as the bytes of a PNG file."""
    file = io.BytesIO()
    grid_picture(images, columns, scale).save(file, "png")
    return file.getvalue()

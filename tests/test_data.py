import json
import re
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

from tinygen import data

# ---- numbers <-> pixels ----------------------------------------------------


def test_to_float_and_back_is_exact():
    every = np.arange(256, dtype=np.uint8)
    x = data.to_float(every)
    assert x.dtype == np.float32
    assert x[0] == -1 and x[255] == 1 and abs(x[51] + 0.6) < 1e-7
    assert np.array_equal(data.to_uint8(x), every)
    assert np.array_equal(data.to_uint8(x.astype(np.float64)), every)
    assert data.to_uint8(np.float32([1.00005, -1.00005])).tolist() == [255, 0]


@pytest.mark.parametrize(("values", "words"), [
    ([0.0, 1.5], "reach from 0 to 1.5"),
    ([-1.01, 0.0], "reach from -1.01"),
    ([0.0, np.nan], "nan"),
    ([0.0, np.inf], "inf"),
    ([0, 1], "int64"),
])
def test_to_uint8_refuses(values, words):
    with pytest.raises(ValueError, match=words):
        data.to_uint8(np.array(values))


def test_to_float_refuses_what_is_no_pixel():
    with pytest.raises(TypeError, match="not float64"):
        data.to_float(np.zeros(3))


# ---- batches ---------------------------------------------------------------


def numbered(n):
    return np.arange(n, dtype=np.uint8)[:, None, None, None]


def test_an_epoch_takes_each_image_once():
    stream = data.batches(numbered(10), 5, np.random.default_rng(1))
    epochs = [np.concatenate([next(stream), next(stream)]) for _ in range(3)]
    for epoch in epochs:
        assert sorted(data.to_uint8(epoch).ravel()) == list(range(10))
    assert not np.array_equal(epochs[0], epochs[1])


def test_a_batch_never_holds_an_image_twice():
    stream = data.batches(numbered(10), 4, np.random.default_rng(1))
    for _ in range(20):
        batch = next(stream)
        assert batch.shape == (4, 1, 1, 1) and batch.dtype == np.float32
        assert len(np.unique(batch)) == 4


@pytest.mark.parametrize("taken", [0, 1, 2, 3, 7])
def test_state_goes_through_json_and_continues_exactly(taken):
    stream = data.batches(numbered(10), 4, np.random.default_rng(1))
    for _ in range(taken):
        next(stream)
    state = json.loads(json.dumps(stream.state()))
    after = [next(stream) for _ in range(9)]
    other = data.batches(numbered(10), 4, np.random.default_rng(99))
    other.load_state(state)
    assert np.array_equal(after, [next(other) for _ in range(9)])


def test_other_draws_do_not_disturb_the_order():
    rng = np.random.default_rng(1)
    stream = data.batches(numbered(10), 5, rng)
    alone = data.batches(numbered(10), 5, np.random.default_rng(1))
    for _ in range(5):
        rng.random(7)
        assert np.array_equal(next(stream), next(alone))


def test_batches_of_floats_keep_them_as_float32():
    images = np.linspace(-1, 1, 12).reshape(12, 1, 1, 1)
    batch = next(data.batches(images, 12, np.random.default_rng(0)))
    assert batch.dtype == np.float32
    assert np.array_equal(np.sort(batch.ravel()),
                          images.ravel().astype(np.float32))


@pytest.mark.parametrize(("images", "size", "words"), [
    (numbered(10), 11, r"batch of 11 cannot be cut from 10 images.*--batch"),
    (numbered(10), 2.5, "batch of 2.5"), (numbered(10), "4", "batch of '4'"),
    (numbered(10)[:0], 1, "no images to cut a batch from"),
    (np.uint8(3), 1, "no images to cut a batch from"),
    ((numbered(10), numbered(3)), 4, "set b: a batch of 4"),
    (numbered(10), 0, "batch of 0"),
    (np.full((4, 1, 1, 1), 255.0), 2, "255"),
    (np.full((4, 1, 1, 1), np.nan), 2, "nan"),
    (np.full((4, 1, 1, 1), 3), 2, "not int64"),
])
def test_batches_refuse(images, size, words):
    with pytest.raises(ValueError, match=words):
        data.batches(images, size, np.random.default_rng(0))


def test_two_sets_are_drawn_apart():
    """Each in an order of its own, whatever their lengths."""
    pair = numbered(10), numbered(7)
    stream = data.batches(pair, 3, 1)
    rows = [next(stream) for _ in range(6)]
    a, b = (data.to_uint8(np.concatenate([row[k] for row in rows])).ravel()
            for k in (0, 1))
    assert len(set(a[:9])) == 9 and len(set(b[:6])) == 6
    assert not np.array_equal(a[:6], b[:6])
    state = json.loads(json.dumps(stream.state()))
    other = data.batches(pair, 3, 99)
    other.load_state(state)
    for _ in range(8):
        for x, y in zip(next(stream), next(other), strict=True):
            assert np.array_equal(x, y)
    with pytest.raises(ValueError, match="batch of 8 .* 7 images"):
        data.batches(pair, 8, 1)


# ---- the pool of past images ------------------------------------------------


def test_a_filling_pool_gives_back_what_came():
    pool, rng = data.ImagePool(6, (1, 1, 1)), np.random.default_rng(0)
    before = rng.bit_generator.state
    for start in (0, 3):
        some = np.arange(start, start + 3, dtype=np.float32)
        some = some[:, None, None, None]
        assert np.array_equal(pool(some, rng), some)
    assert pool.count == 6 and rng.bit_generator.state == before
    assert pool.images.ravel().tolist() == [0, 1, 2, 3, 4, 5]


def test_a_full_pool_exchanges_half():
    """Half of what comes stays; a place is as good as another, so an image
    stays for 2 x 50 others on average."""
    pool, rng = data.ImagePool(50, ()), np.random.default_rng(0)
    pool(np.arange(50, dtype=np.float32), rng)
    ages, old = [], 0
    for k in range(50, 40_050, 5):
        came = np.arange(k, k + 5, dtype=np.float32)
        shown = pool(came.copy(), rng)
        age = k - shown
        ages += age[shown != came].tolist()
        old += (shown != came).sum()
        # Nothing is lost or doubled: shown or kept
        assert len({*shown, *pool.images}) == 55
    assert old / 40_000 == pytest.approx(0.5, abs=0.01)
    assert np.mean(ages) == pytest.approx(100, rel=0.05)


def test_the_pool_keeps_copies_and_returns_copies():
    pool, rng = data.ImagePool(2, (1,)), np.random.default_rng(0)
    came = np.ones((2, 1), np.float32)
    shown = pool(came, rng)
    came[:], shown[:] = 5, 7
    assert (pool.images == 1).all()


def test_a_pool_of_none_gives_back_what_came():
    pool = data.ImagePool(0, (1,))
    came = np.ones((2, 1), np.float32)
    assert (pool(came, np.random.default_rng(0)) == 1).all()


# ---- a folder of images ----------------------------------------------------


def write(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path, **options)


def test_folder_crops_resizes_and_sorts(tmp_path):
    wide = np.zeros((30, 90, 3))
    wide[:, 30:60] = (200, 100, 50)  # the central square
    write(tmp_path / "b.png", wide)
    write(tmp_path / "a" / "grey.jpg", np.full((40, 40), 128))
    (tmp_path / "notes.txt").write_text("not an image")
    images = data.folder(tmp_path, size=16)
    assert images.shape == (2, 16, 16, 3) and images.dtype == np.uint8
    assert np.abs(images[0].astype(int) - 128).max() <= 1
    assert (images[1, :, 3:-3] == (200, 100, 50)).all()


def test_read_folder_gives_the_names_too(tmp_path):
    write(tmp_path / "b.png", np.zeros((9, 9, 3)))
    write(tmp_path / "a" / "c.png", np.full((9, 9, 3), 255))
    files, images = data.read_folder(tmp_path, size=8)
    assert files == [tmp_path / "a" / "c.png", tmp_path / "b.png"]
    assert images[:, 0, 0, 0].tolist() == [255, 0]


def test_folder_turns_transparency_white_and_16_bits_to_8(tmp_path):
    write(tmp_path / "clear.png", np.zeros((20, 20, 4)))
    Image.fromarray(np.full((20, 20), 0x8000, np.uint16)).save(
        tmp_path / "deep.png")
    clear, deep = data.folder(tmp_path, size=8)
    assert (clear == 255).all() and (deep == 128).all()


def test_folder_turns_photographs_upright(tmp_path):
    tall = np.zeros((20, 20, 3))
    tall[:10] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    write(tmp_path / "photo.png", tall, exif=exif)
    image, = data.folder(tmp_path, size=20)
    assert (image[10:] == 255).all() and (image[:10] == 0).all()


def test_folder_names_and_skips_bad_files(tmp_path):
    write(tmp_path / "good.png", np.zeros((30, 30, 3)))
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[:len(whole) // 2])
    (tmp_path / "page.jpg").write_text("<html>")
    with pytest.warns(UserWarning, match="skipped 2 of 3") as caught:
        images = data.folder(tmp_path)
    assert len(images) == 1
    assert "half.png" in str(caught[0].message)
    assert "page.jpg" in str(caught[0].message)


@pytest.mark.parametrize(("files", "words"), [
    ([], "no .png, .jpg or other image file"),
    (["notes.txt"], "no .png, .jpg"),
    (["a.png", "b.gif"], "none of its 2 image files can be read: a.png"),
])
def test_folder_without_images(files, words, tmp_path):
    for name in files:
        (tmp_path / name).write_text("nothing to see")
    with pytest.raises(ValueError, match=words) as caught:
        data.folder(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_no_such_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="not a folder of images"):
        data.folder(tmp_path / "none")


# ---- pictures out ----------------------------------------------------------


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_save_grid(tmp_path):
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.full(
        (1, 4, 6, 3), 10, np.uint8)
    data.save_grid(images, tmp_path / "g.png", columns=3, scale=1)
    grid = pixels(tmp_path / "g.png")
    assert grid.shape == (2 * 5 - 1, 3 * 7 - 1, 3)
    assert (grid[5:, 7:13] == 40).all() and (grid[4] == 255).all()
    assert (grid[5:, 14:] == 255).all()  # the empty place
    data.save_grid(data.to_float(images), tmp_path / "f.png", 3, scale=1)
    assert np.array_equal(grid, pixels(tmp_path / "f.png"))


def test_save_grid_in_grey_by_default_nearly_square(tmp_path):
    data.save_grid(np.zeros((7, 4, 4, 1), np.float32), tmp_path / "g.png")
    with Image.open(tmp_path / "g.png") as grid:
        assert grid.mode == "L" and grid.size == (28, 28)


@pytest.mark.parametrize(("images", "words"), [
    (np.zeros((2, 4, 4, 2)), r"not \[2, 4, 4, 2\]"),
    (np.zeros((4, 4, 3)), r"not \[4, 4, 3\]"),
    (np.zeros((0, 4, 4, 3)), r"not \[0, 4, 4, 3\]"),
    (np.full((1, 4, 4, 3), 2.0), "reach from 2 to 2"),
    (np.full((1, 4, 4, 3), np.nan), "nan"),
])
def test_save_grid_refuses_and_writes_nothing(images, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        data.save_grid(images, tmp_path / "g.png")
    for name in ("g.nothing", "g.psd"):     # Pillow only reads the second
        with pytest.raises(ValueError, match="extension"):
            data.save_grid(np.zeros((1, 4, 4, 3)), tmp_path / name)
    assert not list(tmp_path.iterdir())


# ---- images from strangers -------------------------------------------------


def chunk(kind, body):
    return (struct.pack(">I", len(body)) + kind + body
            + struct.pack(">I", zlib.crc32(kind + body)))


def png(width, height, more=b""):
    """A black PNG of this size; large ones are small files."""
    pack = zlib.compressobj(9)
    rows = [pack.compress(bytes(3 * width + 1)) for _ in range(height)]
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(
        ">II5B", width, height, 8, 2, 0, 0, 0)) + more + chunk(
        b"IDAT", b"".join(rows) + pack.flush()) + chunk(b"IEND", b""))


TEXT = zlib.compress(bytes(10**8))
BOMBS = {
    "60 million pixels": (lambda: png(60_000, 1000), "60000 x 1000 pixels"),
    "4 thousand million": (lambda: png(65535, 1).replace(
        struct.pack(">II", 65535, 1), struct.pack(">II", 65535, 65535)),
        "bad header checksum|decompression bomb|broken|cannot identify"),
    "100 MB of text": (lambda: png(8, 8, chunk(b"zTXt", b"a\0\0" + TEXT)),
                       "too large"),
    "100 MB of colours": (lambda: png(8, 8, chunk(b"iCCP", b"a\0\0" + TEXT)),
                          "too large"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_makes_a_huge_image(bomb, tmp_path, measured):
    make, words = BOMBS[bomb]
    (tmp_path / "x.png").write_bytes(make())
    said, megabytes = measured(
        "from tinygen.data import folder; from PIL import Image; Image.init()",
        "folder(sys.argv[1])", tmp_path)
    assert said.startswith("ValueError") and "\n" not in said
    assert re.search(rf"x\.png \(.*({words})", said, re.I)
    assert megabytes < 50


@pytest.mark.long
@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF", "JPEG"])
def test_the_largest_image_that_is_read_fits_the_memory(
        kind, tmp_path, measured):
    Image.new("RGB", (12_000, 4_000)).save(tmp_path / "x.png", kind)
    said, megabytes = measured(
        "from tinygen.data import folder; from PIL import Image; Image.init()",
        "folder(sys.argv[1]).shape", tmp_path)
    assert said == "(1, 28, 28, 3)" and megabytes < 1000


def test_an_image_file_of_ten_gigabytes_is_not_read(tmp_path, measured):
    with open(tmp_path / "x.webp", "wb") as file:
        file.write(b"RIFF\xff\xff\xff\xffWEBPVP8L")
        file.truncate(10**10)
    said, megabytes = measured("from tinygen.data import folder",
                               "folder(sys.argv[1])", tmp_path)
    assert "x.webp is too large (more than 256 MB)" in said and megabytes < 50


def test_a_program_in_place_of_an_image_is_not_run(tmp_path, monkeypatch):
    """An EPS file is PostScript, which Pillow hands to Ghostscript."""
    rgb = Image.new("RGB", (8, 8))
    for name in ("x.png", "y.eps"):
        rgb.save(tmp_path / name, "EPS")
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setattr(subprocess, "check_call", None)
    with pytest.raises(ValueError, match="none of its 2 image files.*"
                       "x.png .cannot identify.*y.eps .cannot identify"):
        data.folder(tmp_path)


@pytest.mark.parametrize("size", [0, -1, 5000, 10**9])
def test_folder_refuses_a_size(size, tmp_path):
    write(tmp_path / "a.png", np.zeros((9, 9, 3)))
    with pytest.raises(ValueError, match="from 1 to 4096, not"):
        data.folder(tmp_path, size)


def test_odd_notes_in_a_good_image_are_passed_over(tmp_path):
    """Pillow would warn of the EXIF, in a line that names no file."""
    write(tmp_path / "a.jpg", np.zeros((9, 9, 3)),
          exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    assert data.folder(tmp_path, 8).shape == (1, 8, 8, 3)

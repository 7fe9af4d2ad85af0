"""4.0.3 Convolution"""
import numpy as np

from tinygen.exercises import exercise

FORMULA = '4.0.3, "The formula"'
LOOPS = '4.0.3, "Seven loops"'
MATRIX = '4.0.3, "One big matrix"'
ROOF = '4.0.3, "Why is a matrix product fast?"'
TILES = '4.0.3, "Tiles: a matrix that never leaves the cache"'
THREADS = '4.0.3, "Two threads"'
DOUBLED = '4.0.3, "Fewer multiplications: the doubled image"'
BACKWARD = '4.0.3, "Backward: the same loops, read in other directions"'
OVERLAP = '4.0.3, "What goes wrong: the second window wins"'
CHECKERS = '4.0.3, "What goes wrong: the checkerboard"'


def _normal(*shape):
    return np.random.default_rng(403).standard_normal(shape)


# -------------------------------------------------------------- size and sight


@exercise(FORMULA)
def output_size(answer):
    answer.on(5, 3, 1, 0).gives(
        3, "the window's first pixel can stand at 0, 1 and 2")
    answer.on(5, 3, 1, 1).gives(
        5, "with its frame the image has 7 pixels: first pixels 0 to 4")
    answer.on(7, 3, 3, 0).gives(
        2, "first pixels 0 and 3; a window that starts at 6 would stick out")
    answer.on(28, 4, 2, 1).gives()
    answer.on(30, 7, 1, 3).gives()


@exercise(FORMULA)
def same_pad(answer):
    answer.on(7, 3).gives(3, "28 + 2 * 3 - 7 + 1 = 28")
    answer.on(3, 3).gives(1, "28 + 2 * 1 - 3 + 1 = 28")
    answer.on(7, 1).gives(
        3, "the size of the result does not depend on the channels")
    answer.on(5, 128).gives()


@exercise(FORMULA)
def receptive_field(answer):
    answer.on([(3, 1)]).gives(3, "one layer: its window")
    answer.on([(3, 1), (3, 1)]).gives(
        5, "three windows of 3, each one pixel further: 5 pixels in all")
    answer.on([(3, 2), (3, 1)]).gives(
        7, "the three windows of the first layer are 2 pixels apart:"
        " 3 + 2 + 2")
    answer.on([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)]).gives()


# --------------------------------------------------------------------- forward


@exercise(LOOPS, but_not=("np.convolve", "np.correlate"))
def conv_row(answer):
    answer.on(np.array([1., 2., 3.]), np.array([10., 1.]), 1, 0).gives(
        [12., 23.], "10 * 1 + 2, and 10 * 2 + 3")
    answer.on(np.array([1., 2., 3.]), np.array([1., 10., 100.]), 1, 1).gives(
        [210., 321., 32.], "a zero on either side: (0, 1, 2), (1, 2, 3) and"
        " (2, 3, 0)")
    answer.on(np.array([1., 2., 3., 4., 5.]), np.array([1., 10.]), 2,
              0).gives([21., 43.], "windows (1, 2) and (3, 4)")
    answer.on(_normal(9), _normal(4), 3, 2).gives()


@exercise(LOOPS)
def one_pixel(answer):
    x = np.arange(1., 10.).reshape(3, 3, 1)
    w = np.array([[1., 10.], [100., 1000.]]).reshape(2, 2, 1, 1)
    answer.on(x, w, 1, 0, 1, 0).gives(
        [8754.], "the window at row 1, column 0 holds 4, 5 and 7, 8")
    answer.on(x, w, 0, 0, 2, 1).gives(
        [1000.], "with a frame of 1, only the window's last pixel lies in the"
        " image")
    answer.on(_normal(4, 5, 3), _normal(3, 3, 3, 2), 1, 1, 2, 1).gives()
    answer.on(_normal(4, 5, 3), _normal(3, 3, 3, 2), 0, 4, 1, 1).gives()
    answer.on(_normal(4, 5, 3), _normal(3, 3, 3, 2), 3, 0, 1, 1).gives()
    for w, i, j in ((_normal(2, 4, 3, 2), 1, 5), (_normal(3, 2, 3, 2), 5, 2)):
        answer.on(_normal(4, 5, 3), w, i, j, 1, 2).gives(
            because="a filter of kh rows and kw columns, in a frame of 2")


@exercise(MATRIX)
def gathered_rows(answer):
    x = np.arange(9.).reshape(1, 3, 3, 1)
    answer.on(x, 1, 3, 2).gives(
        np.array([[1., 2., 4., 5.], [3., 4., 6., 7.]]), "place 1 is the window"
        " at row 0, column 1, and place 2 the one at row 1, column 0")
    x = np.arange(16.).reshape(2, 2, 2, 2)
    answer.on(x, 0, 2, 2).gives(
        x.reshape(2, 8), "2 x 2 windows on 2 x 2 images: one place in each")
    answer.on(_normal(2, 4, 5, 3), 3, 10, 3).gives()


@exercise(THREADS)
def tile_bounds(answer):
    answer.on(10, 4, 0, 1).gives(
        [(0, 4), (4, 8), (8, 10)], "two tiles of 4 and a shorter one")
    answer.on(10, 4, 0, 2).gives(
        [(0, 4), (8, 10)], "of the three tiles, 0 and 2 are the first"
        " thread's")
    answer.on(10, 4, 1, 2).gives([(4, 8)], "and tile 1 is the second's")
    answer.on(100, 7, 2, 3).gives()
    answer.on(8, 4, 0, 1).gives([(0, 4), (4, 8)], "here nothing is left over")


# -------------------------------------------------------------------- counting


@exercise(ROOF)
def operations_per_byte(answer):
    answer.on(100, 1, 1, 3).gives(
        [1800 / 8036, 1800 / 836], "900 products, 1800 operations; 100 + 100"
        " + 9 numbers of 4 bytes, and for im2col 900 more, twice")
    answer.on(25088, 128, 64, 3).gives()
    answer.on(1024, 3, 32, 7).gives()


@exercise(DOUBLED, but_not=("np.repeat", ".repeat", "np.kron", "np.convolve",
                            "np.correlate"))
def doubled_row(answer):
    answer.on(np.array([2., 5.]), np.array([1., 10., 100.])).gives(
        [220., 522., 552., 55.], "the doubled row, framed, is 0 2 2 5 5 0:"
        " windows (0, 2, 2), (2, 2, 5), (2, 5, 5), (5, 5, 0)")
    answer.on(_normal(7), _normal(9)[-3:]).gives()


@exercise(CHECKERS)
def coverage(answer):
    answer.on(7, 3, 2).gives(
        [1, 1, 2, 1, 2, 1, 1], "windows on 0-2, 2-4 and 4-6: pixels 2 and 4"
        " are in two of them")
    answer.on(8, 4, 2).gives(
        [1, 1, 2, 2, 2, 2, 1, 1], "windows on 0-3, 2-5 and 4-7")
    answer.on(8, 3, 2).gives(
        [1, 1, 2, 1, 2, 1, 1, 0], "a window on 6-8 would stick out")
    answer.on(30, 7, 3).gives()


# -------------------------------------------------------------------- backward


@exercise(OVERLAP)
def image_from_rows(answer):
    rows = np.array([[1., 2., 3., 4.], [10., 20., 30., 40.]])
    answer.on(rows, (2, 3), 2).gives(
        np.array([[1., 12., 20.], [3., 34., 40.]]), "the two windows share"
        " the middle column, which gets 2 + 10 and 4 + 30")
    rows, image = _normal(12, 9), _normal(5, 6)
    back = np.asarray(answer(rows, (5, 6), 3))
    there = np.array([image[i:i + 3, j:j + 3].ravel()
                      for i in range(3) for j in range(4)])
    if back.shape == image.shape:
        assert np.isclose(np.sum(there * rows), np.sum(image * back)), (
            "The adjoint identity does not hold: <rows of x, g> must be"
            f" <x, image of g>; here {np.sum(there * rows):.4f} and"
            f" {np.sum(image * back):.4f}.")
    answer.on(rows, (5, 6), 3).gives()
    answer.on(_normal(6, 4), (4, 3), 2).gives(
        because="a row of 3 pixels has two places, so the third window"
        " begins the next row")


@exercise(BACKWARD)
def filter_slopes(answer):
    answer.on(np.array([[1., 2., 3., 4.], [5., 6., 7., 8.]]),
              np.array([[1.], [10.]]), 2).gives(
        np.array([51., 62., 73., 84.]).reshape(2, 2, 1, 1), "the first weight"
        " met 1 and 5, at places that count 1 and 10: 1 + 50")
    answer.on(_normal(5, 12), _normal(5, 2), 2).gives()


@exercise(BACKWARD)
def transposed_row(answer):
    answer.on(np.array([1., 10.]), np.array([1., 2., 3.]), 5, 2, 0).gives(
        [1., 2., 13., 20., 30.], "the windows are on 0-2 and 2-4, and pixel 2"
        " is in both: 3 + 10")
    answer.on(np.array([1., 10.]), np.array([1., 2., 3.]), 4, 2, 1).gives(
        [2., 13., 20., 30.], "with a frame of 1 the first weight falls"
        " outside")
    g, w, x = _normal(5), _normal(4), _normal(11)
    back = np.asarray(answer(g, w, 11, 2, 1))
    framed = np.pad(x, 1)
    y = np.array([framed[2 * i:2 * i + 4] @ w for i in range(5)])
    if back.shape == x.shape:
        assert np.isclose(y @ g, x @ back), (
            "The adjoint identity does not hold: <conv(x), g> must be"
            f" <x, result>; here {y @ g:.4f} and {x @ back:.4f}.")
    answer.on(g, w, 11, 2, 1).gives()
    answer.on(_normal(6), _normal(3), 4, 1, 2).gives(
        because="the frame is two pixels wide on each side, and the last"
        " window ends with it")


# -------------------------------------------------------------------- capstone


@exercise(TILES, takes=("tile_bounds", "gathered_rows"))
def conv_by_tiles(answer):
    x = np.arange(1., 10.).reshape(1, 3, 3, 1)
    w = np.array([[1., 10.], [100., 1000.]]).reshape(2, 2, 1, 1)
    answer.on(x, w, np.array([0.5]), 3).gives(
        np.array([[5421.5, 6532.5], [8754.5, 9865.5]]).reshape(1, 2, 2, 1),
        "four places, a tile of three and one of one; b is added to each")
    answer.on(_normal(2, 5, 6, 3), _normal(3, 3, 3, 4), _normal(4), 5).gives()
    answer.on(_normal(2, 5, 6, 3), _normal(3, 3, 3, 4), _normal(4),
              100).gives()

"""What the chapters show: the library's own source, images, curves, graphs.

    import tinygen.show as show

listing(tg.conv2d) prints the library's text, never a copy of it. The other
functions return a Matplotlib Figure: as the last expression of a cell it
is displayed, elsewhere save it with figure.savefig("name.png").
"""

import ast
import functools
import inspect
import sys
import textwrap
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from tinygen.data import to_uint8

# Okabe and Ito's colours, told apart by readers who do not see red or
# green; the lines differ in style too, for printing in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
           "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), "-")
STYLE = {
    "figure.dpi": 150, "savefig.dpi": 150, "font.size": 9,
    "axes.titlesize": 9, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.color": "#e5e5e5",
    "axes.axisbelow": True, "lines.linewidth": 1.4, "legend.frameon": False,
    "axes.prop_cycle": (matplotlib.cycler(color=COLOURS)
                        + matplotlib.cycler(linestyle=LINES)),
    "image.interpolation": "nearest", "figure.constrained_layout.use": True,
}
PAGE = 7.0              # width of the page's text, in inches


# ---- source -------------------------------------------------------------

class Listing:
    """Source text of tinygen, and how notebook and terminal display it."""

    def __init__(self, names, blocks, rules):
        self.blocks = blocks            # [(file, code)]
        self.about = {"names": names, "rules": rules}
        self.markdown = "\n\n".join(f"`{file}`\n\n````python\n{code}\n````"
                                    for file, code in blocks)

    def __repr__(self):
        return "\n\n".join(f"# {file}\n{code}" for file, code in self.blocks)

    def _repr_mimebundle_(self, include=None, exclude=None):
        # By the metadata a test lists the same objects again and compares
        data = {"text/plain": repr(self), "text/markdown": self.markdown}
        return data, {"listing": self.about}


def listing(*objects, rules=True):
    """The library's own source of functions, classes, methods or ops.

    An op is shown with its gradient rules, unless rules=False. Objects
    from one file make one block, under the file's name. In a notebook the
    result is highlighted, in a terminal it is plain text.
    Errors: TypeError for what has no source in tinygen.
    """
    names, blocks = [], []
    for thing in objects:
        name, file, code = _source(thing, rules)
        names.append(name)
        if blocks and blocks[-1][0] == file:
            blocks[-1] = (file, blocks[-1][1] + "\n\n" + code)
        else:
            blocks.append((file, code))
    return Listing(names, blocks, rules)


def _source(thing, rules):
    """(dotted name, file, source text) of one object."""
    function = inspect.unwrap(thing)        # of an op, of Numba's wrapper
    module = getattr(function, "__module__", None) or ""
    path = getattr(function, "__qualname__", "<")
    if module.split(".")[0] != "tinygen" or "<" in path:
        raise TypeError(
            "listing() shows functions, classes, methods and ops of tinygen; "
            f"{thing!r} is not defined there")
    file = Path(sys.modules[module].__file__)
    code = _segment(file.read_text(encoding="utf-8"), path, rules)
    home = Path(__file__).parent.parent
    return f"{module}.{path}", file.relative_to(home).as_posix(), code


def _segment(text, path, rules):
    """The definition at `path` ("GAN.step") in `text`, dedented, then the
    assignments to its .rules, with the comments above them."""
    lines, tree = text.splitlines(), ast.parse(text)
    node = tree
    for part in path.split("."):
        node = next(n for n in node.body if getattr(n, "name", None) == part)
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    code = textwrap.dedent("\n".join(lines[first - 1:node.end_lineno]))
    for n in tree.body if rules else ():
        if f"{path}.rules" in map(ast.unparse, getattr(n, "targets", ())):
            first = n.lineno - 1
            while lines[first - 1].startswith("#"):
                first -= 1
            code += "\n\n" + "\n".join(lines[first:n.end_lineno])
    return code


# ---- images -------------------------------------------------------------

def _figure(function):
    """Run in the book's style; close the figure, so that a notebook shows
    it once, as the value of its cell."""
    @functools.wraps(function)
    def styled(*arguments, **options):
        with plt.rc_context(STYLE):
            figure = function(*arguments, **options)
            figure.canvas.draw()
            plt.close(figure)
            return figure
    return styled


def style():
    """The book's look for figures of your own: `with show.style(): ...`"""
    return plt.rc_context(STYLE)


def _to_rgb(images):
    """uint8 [n,h,w,3] from N H W C images, uint8 or float in [-1, 1]."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError("images must be N H W C with 1 or 3 channels; got "
                         f"shape {images.shape}")
    if images.dtype != np.uint8:
        images = to_uint8(images)
    return np.broadcast_to(images, (*images.shape[:3], 3))


@_figure
def grid(images, columns=None, titles=None, rows=(), scale=1.0):
    """Images side by side.

    images   N H W C, uint8 or float in [-1, 1]; or a list of such arrays,
             each of which makes a row
    columns  images in a row; by default 10, or fewer if there are fewer
    titles   one for each column, or one for each image
    rows     labels of the rows
    scale    1 gives an image 0.7 inch, as far as the page is wide enough
    """
    if isinstance(images, (list, tuple)):
        columns = len(images[0])
        if {len(row) for row in images} != {columns}:
            raise ValueError("rows of different lengths: "
                             f"{[len(row) for row in images]}")
        images = np.concatenate([_to_rgb(row) for row in images])
    images, titles = _to_rgb(images), titles or ()
    n, h, w = images.shape[:3]
    columns = columns or min(n, 10)
    pixel = w / min(0.7 * scale, PAGE / columns)    # image pixels an inch
    right = w + max(1, w // 14)                     # from image to image
    down = h + max(1, h // 14) + (
        int(0.17 * pixel) if len(titles) > columns else 0)
    corners = [(k // columns * down, k % columns * right) for k in range(n)]
    sheet = np.full((corners[-1][0] + h, (columns - 1) * right + w, 3), 255,
                    np.uint8)
    for image, (i, j) in zip(images, corners):
        sheet[i:i + h, j:j + w] = image
    figure, axes = plt.subplots(
        figsize=(sheet.shape[1] / pixel, sheet.shape[0] / pixel))
    axes.imshow(sheet)
    axes.set_axis_off()
    for title, (i, j) in zip(titles, corners):
        axes.text(j + w / 2, i - 0.04 * pixel, str(title), ha="center",
                  va="bottom", fontsize=8)
    for label, (i, _) in zip(rows, corners[::columns]):
        axes.text(-0.08 * pixel, i + h / 2, str(label), ha="right",
                  va="center")
    return figure


# ---- curves -------------------------------------------------------------

@_figure
def curves(history, names=None, smooth=1, labels=None, ylabels=None,
           height=2.2):
    """Training curves over the steps.

    history  a mapping from name to numbers (that of fit() has "step" too)
    names    what to draw: a list of names, or a list of such lists, one
             for each panel side by side; by default everything
    smooth   average over so many neighbours; the raw curve stays, pale
    labels   names for the legend, a dict; ylabels: one for each panel
    """
    steps = history["step"] if "step" in history else None
    names = names or [name for name in history if name != "step"]
    panels = [names] if isinstance(names[0], str) else names
    figure, axes = plt.subplots(1, len(panels), squeeze=False,
                                figsize=(PAGE, height))
    for k, (panel, ax) in enumerate(zip(panels, axes[0], strict=True)):
        for name in panel:
            y = np.asarray(history[name], float)
            x = np.arange(1, len(y) + 1) if steps is None else steps
            line, = ax.plot(x, _smooth(y, smooth),
                            label=(labels or {}).get(name, name), zorder=3)
            if smooth > 1:
                ax.plot(x, y, "-", color=line.get_color(), alpha=0.25,
                        linewidth=0.6)
        ax.set_xlabel("step")
        ax.set_ylabel(ylabels[k] if ylabels else "")
        ax.legend()
    return figure


def _smooth(y, width):
    """Mean of the `width` nearest values; fewer at the two ends."""
    width = min(width, len(y))
    if width <= 1:
        return y
    ones = np.ones(width)
    return np.convolve(y, ones, "same") / np.convolve(
        np.ones_like(y), ones, "same")


# ---- graphs -------------------------------------------------------------

@_figure
def graph(y, names=None, height=None):
    """The recipe of a Tensor, drawn: leaves at the left, y at the right.

    names  a dict from serial to what to write: {x.serial: "x"}; other
           leaves show their name, their number, or their shape
    """
    from tinygen.extras.graph import draw
    return draw(y, names or {}, height, PAGE, COLOURS[0])

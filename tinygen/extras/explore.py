"""A model under sliders: explorers for notebooks, and a view of a training.

    tg.explore.walk(gan)                    as the last line of a cell
    tg.fit(..., report=tg.explore.Watch(gan))

Live where ipywidgets is installed; elsewhere, and with TINYGEN_WIDGETS=0, a
picture with what the controls would reach. In the rendered book the same
figures run in the page (book/_vendor/explore).
"""

import importlib.util
import os
import sys
import time

import numpy as np

from tinygen import show
from tinygen.data import grid_picture, grid_png, to_uint8
from tinygen.engine.autograd import Tensor, no_grad
from tinygen.progress import Progress
from tinygen.sprites import sprites

ZOOM = 6                # screen pixels for one of the image's


class Explorer:
    """draw(*values) -> images N H W C, and the controls that set values.

    controls: (name, low, high, value) is a slider, (name, [choices]) a menu
    that gives the number of the choice. still: what show.grid() takes, for
    the picture. columns: of the live images.
    """

    def __init__(self, draw, controls, still, columns=1):
        self.draw, self.controls = draw, controls
        self.still, self.columns = still, columns

    def figure(self):
        """The picture, a Matplotlib Figure."""
        return show.grid(**self.still())

    def live(self):
        """The controls above the image, an ipywidgets box."""
        import ipywidgets as w
        made = [w.Dropdown(options=[*zip(more[0], range(len(more[0])))],
                           description=name) if len(more) == 1 else
                w.FloatSlider(more[2], min=more[0], max=more[1],
                              step=(more[1] - more[0]) / 200,
                              description=name)
                for name, *more in self.controls]
        image, told = w.Image(format="png"), w.Label()

        def update(_=None):
            began = time.perf_counter()
            images = self.draw(*(control.value for control in made))
            seconds = time.perf_counter() - began
            image.value = grid_png(images, self.columns, ZOOM)
            told.value = (f"{1000 * seconds:.1f} ms a picture, up to "
                          f"{1 / seconds:.0f} frames a second")

        for control in made:
            control.observe(update, "value")
        update()
        return w.VBox([*made, image, told])

    def __repr__(self):
        names = ", ".join(name for name, *_ in self.controls)
        return (f"Explorer of {names}: live as the last line of a notebook's "
                "cell; figure().savefig(\"file.png\") is its picture")

    def _ipython_display_(self):
        from IPython.display import display
        display(self.live() if widgets() else self.figure())


def widgets():
    """Whether the explorers are live."""
    return (os.environ.get("TINYGEN_WIDGETS") != "0" and Progress(0).notebook
            and importlib.util.find_spec("ipywidgets") is not None)


def need(model, name, fits, what):
    """ValueError: it is another model, or its settings do not fit."""
    if getattr(model, "name", None) != name or not fits(model.config):
        raise ValueError(f"this explorer takes {what}")


def free(gan):
    """ValueError: no GAN, or one that wants to be told a class."""
    need(gan, "gan", lambda c: not c.classes, "a GAN without classes; "
         "explore.classes takes one that has them")


# ------------------------------------------------------------- directions


def traits(images):
    """Size, place and colour of what is on the ground: N 4.

    images N H W C in [-1, 1]; the upper left pixel shows the ground. The
    mean difference from it; the mean place of what differs, to the right
    and upwards, in half widths; how much redder than blue that is.
    """
    ink = np.abs(images - images[:, :1, :1]).mean(axis=-1)          # N H W
    total = ink.sum(axis=(1, 2)) + 1e-6
    at = np.linspace(-1, 1, images.shape[1])
    right, down = ink * at, ink * at[:, None]
    redder = ink * (images[..., 0] - images[..., -1])
    return np.stack([total, *(part.sum(axis=(1, 2)) / total
                              for part in (right, -down, redder))], axis=1)


TRAITS = ("size", "right", "up", "redness")


def ways(gan, n=4000, seed=0):
    """{trait: direction of the noise, of length 1} for directions().

    Along it this trait changes and, to first order, no other does: traits
    = z W + rest by least squares, and the rows of W's pseudoinverse. See
    chapter 5, "Directions in the noise", for lines of W itself.
    """
    free(gan)
    z = gan.draw(n, np.random.default_rng(seed))
    y = np.concatenate([traits(made(gan, z[k:k + 100]))
                        for k in range(0, n, 100)])
    y = (y - y.mean(axis=0)) / (y.std(axis=0) + 1e-6)   # grey: no redness
    found = np.linalg.pinv(np.linalg.lstsq(z, y, rcond=None)[0])
    found /= np.linalg.norm(found, axis=1, keepdims=True) + 1e-12
    return dict(zip(TRAITS, found, strict=True))


def one_of_each(style="solid"):
    """A sprite of each shape, uint8 [8, 28, 28, 3], in order."""
    images, labels = sprites(200, style, 5, background="light")
    return images[[np.argmax(labels == k) for k in range(8)]]


# ------------------------------------------------------------- generators


def made(gan, z, labels=None):
    """A GAN's images of the noise z N noise (of these classes)."""
    with no_grad(), gan.averaged():
        return gan.g(Tensor(gan.told(np.float32(z), labels))).data


def walk(gan, seed=0):
    """Four images, and on a quarter of a circle to four others: noise stays
    as long as noise is."""
    free(gan)
    a, b = gan.draw(8, np.random.default_rng(seed)).reshape(2, 4, -1)

    def draw(t):
        return made(gan, np.cos(t) * a + np.sin(t) * b)

    def still():
        steps = [draw(t) for t in np.linspace(0, np.pi / 2, 9)]
        return {"images": list(np.stack(steps, axis=1))}

    return Explorer(draw, [("walk", 0, np.pi / 2, 0)], still, columns=4)


def directions(gan, ways, seed=0):
    """One image, moved along directions. ways: {name: vector of noise}."""
    free(gan)
    start = gan.draw(1, np.random.default_rng(seed))
    ways = {name: np.asarray(way, np.float32) for name, way in ways.items()}

    def draw(*steps):
        return made(gan, start + sum(
            t * way for t, way in zip(steps, ways.values(), strict=True)))

    def still():
        t = np.linspace(-3, 3, 9)
        return {"images": [made(gan, start + t[:, None] * way)
                           for way in ways.values()], "rows": list(ways),
                "titles": [f"{x:+.2g}" for x in t]}

    return Explorer(draw, [(name, -3, 3, 0) for name in ways], still)


def classes(gan, names, seed=0):
    """Eight images of the class that the menu names, of the same noise."""
    need(gan, "gan", lambda c: 0 < c.classes == len(names), "a GAN with "
         "classes, and a name for each of them")
    z = gan.draw(8, np.random.default_rng(seed))

    def draw(chosen):
        return made(gan, z, np.full(8, chosen))

    def still():
        every = np.arange(len(names))
        return {"images": [made(gan, np.repeat(z[[k]], len(names), 0), every)
                           for k in range(4)], "titles": names}

    return Explorer(draw, [("class", names)], still, columns=4)


# ------------------------------------------------------------- the others


def plane(vae, reach=2.5, columns=15):
    """The image that a VAE with two latents decodes at a point."""
    need(vae, "vae", lambda c: c.latent == 2 and not c.classes, "a VAE with "
         "two latents, VAEConfig(latent=2), and without classes")

    def draw(x, y):
        return vae.decode(np.array([[x, y]], np.float32))

    def still():
        at = np.linspace(-reach, reach, columns, dtype=np.float32)
        z = np.stack(np.meshgrid(at, at[::-1]), axis=-1)    # rows from above
        return {"images": [vae.decode(row) for row in z], "scale": 0.6}

    return Explorer(draw, [(name, -reach, reach, 0.01)
                           for name in ("z1", "z2")], still)


def restyle(cyclegan, images, names, to="b"):
    """Images (uint8 or floats, N H W C), each beside its translation."""
    need(cyclegan, "cyclegan", lambda c: len(images) == len(names),
         "a CycleGAN, and a name for each image")

    def draw(chosen):
        some = images[chosen:chosen + 1]
        return np.concatenate([to_uint8(x) if x.dtype != np.uint8 else x
                               for x in (some, cyclegan.translate(some, to))])

    def still():
        return {"images": [images, cyclegan.translate(images, to)],
                "rows": ["given", "translated"], "titles": names}

    return Explorer(draw, [("image", names)], still, columns=2)


# ------------------------------------------------------------- a training


class Watch:
    """report= for fit(): curves and samples, drawn anew while it trains.

    model: samples are drawn with model.sample(n, rng), always of the same
    noise; images: what the sample() of a CycleGAN needs besides, a pair.
    every: seconds from picture to picture. Where no notebook is, a line of
    numbers instead.
    """

    def __init__(self, model, images=None, every=2.0, n=16):
        if images is None and model.name == "cyclegan":
            raise ValueError("a CycleGAN is watched with images that it "
                             "translates: Watch(model, images=(a, b))")
        self.model, self.every, self.n = model, every, n
        self.more = () if images is None else (images,)
        self.history, self.handle, self.last = {}, None, -np.inf

    def __call__(self, step, row):
        for name, value in {"step": step, **row}.items():
            self.history.setdefault(name, []).append(value)
        if time.monotonic() - self.last >= self.every:
            self.update()
            self.last = time.monotonic()

    def figure(self):
        """Curves above samples."""
        samples = self.model.sample(self.n, np.random.default_rng(0),
                                    *self.more)
        names = [name for name in self.history if name != "step"]
        with show.style():
            figure = show.plt.figure(figsize=(show.PAGE, 3.6))
            curves, images = figure.subplots(2, 1)
            for name in names:
                curves.plot(self.history["step"], self.history[name],
                            label=name)
            curves.legend(ncols=len(names))
            curves.set_xlabel("step")
            images.imshow(grid_picture(samples, self.n).convert("RGB"))
            images.set_axis_off()
            show.plt.close(figure)
        return figure

    def update(self):
        """Draw what there is."""
        line = Progress(0)
        if not line.notebook:
            if line.terminal:
                print(file=sys.stderr)      # below the line of progress
            print("  ".join(f"{name} {column[-1]:.6g}"
                            for name, column in self.history.items()))
            return
        from IPython.display import display
        if self.handle is None:
            self.handle = display(self.figure(), display_id=True)
        else:
            self.handle.update(self.figure())

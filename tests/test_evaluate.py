"""evaluate(): a table, and a page that stands alone."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from tinygen import data
from tinygen.metrics import evaluate as module
from tinygen.metrics.evaluate import drawn, evaluate
from tinygen.models import (
    GAN,
    VAE,
    CycleGAN,
    CycleGANConfig,
    GANConfig,
    VAEConfig,
)


@pytest.fixture(scope="module")
def sprites():
    return data.sprites(600, rng=0)[0], data.sprites(300, rng=1)[0]


@pytest.fixture(scope="module")
def page(sprites):
    """Of a "model" whose images are noisy sprites, five of them copies."""
    real, fresh = sprites
    noise = np.random.default_rng(0).standard_normal((300, 28, 28, 3))
    fake = np.clip(data.to_float(data.sprites(300, rng=2)[0]) + 0.2 * noise,
                   -1, 1).astype(np.float32)
    fake[100:105] = data.to_float(real[40:45])
    return evaluate(fake, real, fresh, title="<noisy & copied>")


def numbers(page):
    """{measure: (the model's, the real images')}, first numbers."""
    return {name: tuple(float(re.match(r"[-\d.]+", x)[0]) for x in row)
            for name, _, *row in page.rows}


def test_the_table_tells_the_model_from_real_images(page):
    found = numbers(page)
    assert list(found) == list(module.BETTER)
    for name, better in module.BETTER.items():
        mine, real = found[name]
        assert {"lower": mine > real, "higher": mine < real,
                "near 1": mine < 0.8 < real < 1.2,
                "as real": mine != real}[better], name


def test_numbers_come_with_what_they_are_of(page):
    """Sample sizes, intervals, and whose features: in text and page."""
    assert max(map(len, page.text().splitlines()[1:])) < 80
    for shown in (page.text().replace("\n", " "), page.html()):
        assert "300 images of this model against 600 of the 600" in shown
        assert "300 real images that it has not seen" in shown
        assert "own classifier" in shown and "not with papers" in shown
        assert re.search(r"FID\D+[\d.]+ \([\d.]+ to [\d.]+\)", shown)


def test_copies_come_first(page):
    """The nearest pairs: the copies, each beside its original."""
    name, _, _, png = page.pictures[1]
    with Image.open(io.BytesIO(png)) as image:
        grid = np.asarray(image)[::2, ::2]
    assert name == "Copies?" and grid.shape == (6 * 29 - 1, 8 * 29 - 1, 3)
    for k in range(5):
        row, column = divmod(2 * k, 8)
        cells = [grid[29 * row:29 * row + 28, 29 * c:29 * c + 28]
                 for c in (column, column + 1)]
        assert (cells[0] == cells[1]).all()
    assert (grid[29:57, 58:86] != grid[29:57, 87:115]).any()


class Page(HTMLParser):
    """Which tags, with which attributes; text without the tags."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, words):
        self.words.append(words)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_stands_alone_and_can_be_read_aloud(page):
    """Language, title, one h1, captions, scopes, alt texts; no requests."""
    text = page.html()
    found = Page(text)
    assert found.all("html") == [{"lang": "en"}]
    assert len(found.all("h1")) == len(found.all("title")) == 1
    assert "<noisy & copied>" in found.words and "$" not in text
    assert len(found.all("caption")) == len(found.all("table")) == 2
    assert all(head["scope"] in ("row", "col") for head in found.all("th"))
    assert len(found.all("img")) == 2
    for image in found.all("img"):
        assert len(image["alt"]) > 30
        kind, code = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(code)[:4] == b"\x89PNG"
    assert not re.search(r"https?:|<script|<link|url\(|@import", text)
    assert {tag for tag, attrs in found.tags
            if {"src", "href"} & attrs.keys()} == {"img"}
    assert len(text) < 1e6


def test_classes_are_counted(page, sprites):
    assert [row[0] for row in page.classes] == list(data.SPRITE_NAMES)
    assert sum(int(row[2]) for row in page.classes) == pytest.approx(
        1000, abs=4)


def test_a_vae_has_its_bound_besides(sprites):
    model = VAE(VAEConfig(width=2, latent=3))
    given = drawn(model, sprites[0], "sprites", n=50)
    assert given["fake"].shape == (50, 28, 28, 3)
    with pytest.warns(UserWarning, match="50 images are too few"):
        page = evaluate(**given)
    rows = {row[0]: row for row in page.rows}
    assert "ELBO, nats, 50 images" in rows
    assert float(rows["bits per dimension, at most"][2]) > 0


@pytest.mark.parametrize("to, style", [("b", "striped"), ("a", "solid")])
def test_a_cyclegan_is_judged_by_its_translations(to, style):
    """Against the set it translates to, and of sprites against the truth."""
    model = CycleGAN(CycleGANConfig(width=2, blocks=1))
    pair = tuple(data.sprites(200, style=s, rng=1)[0]
                 for s in ("solid", "striped"))
    given = drawn(model, pair, "sprites", n=150, to=to)
    assert given["real"] is pair[to == "b"]
    source, truth = data.sprite_pairs(150, rng=2)[::1 if to == "b" else -1]
    assert (given["truth"] == truth).all()
    assert (given["fake"] == model.translate(source, to)).all()
    page = evaluate(**given)
    assert [row[0] for row in page.rows][-2:] == [
        "PSNR, dB, to the true images", "SSIM to the true images"]
    given = drawn(model, pair, ["one", "two"], n=60, to=to)
    assert given.keys() == {"real", "fake"} and len(given["fake"]) == 60


def test_what_is_drawn_is_decided_by_the_seed(sprites):
    model = GAN(GANConfig(width=2))
    found = drawn(model, sprites[0], "folder", n=30)
    assert found.keys() == {"real", "fake"}
    assert found["fake"].shape == (30, 28, 28, 3)
    again = drawn(model, sprites[0], "folder", n=30)
    assert (again["fake"] == found["fake"]).all()


def test_without_other_real_images(sprites):
    page = evaluate(sprites[1], sprites[0])
    assert "no other real images" in page.note
    assert all(row[3] == "-" for row in page.rows)


def test_refusals(sprites):
    real, fresh = sprites
    with pytest.raises(ValueError, match="at least 40 images of a kind, got"
                                         " 1"):
        evaluate(fresh[:1], real)
    with pytest.raises(ValueError, match="28 x 28 x 3, not"):
        evaluate(fresh[..., :1], real)
    with pytest.raises(ValueError, match="28 x 28 x 3, not"):
        evaluate(fresh, real[:, :20, :20])
    with pytest.raises(ValueError, match="nan"):
        evaluate(data.to_float(fresh) * np.nan, real)

"""A transcript is the output of its script. That of section 4.1 needs
TensorFlow to run; that it fits its output is seen without. The one of the
appendix on PyTorch is run, in small."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg

FOLDER = Path(__file__).parent.parent / "chapters" / "transcripts"
SCRIPT = runpy.run_path(str(FOLDER / "listing_4_1_keras.py"))
TEXT = (FOLDER / "listing_4_1_keras.txt").read_text(encoding="utf-8")


def steps():
    return re.findall(r"^step (\d+): (.*)$", TEXT, re.M)


def test_it_names_the_versions():
    assert re.match(r"TensorFlow 2\.\d+\.\d+, Keras 3\.\d+\.\d+, "
                    r"Python 3\.\d+\.\d+\n", TEXT)


def test_it_has_each_step_of_the_script():
    changes = ["the listing as it is printed",
               *(words for words, *_ in SCRIPT["MENDS"])]
    assert steps() == [(str(k), words) for k, words in enumerate(changes)]


def test_each_step_names_a_line_of_its_listing():
    listings = list(SCRIPT["versions"]())
    parts = re.split(r"^step \d+: .*\n", TEXT, flags=re.M)[1:]
    assert len(listings) == len(parts)
    for listing, part in zip(listings, parts):
        if found := re.search(r"line (\d+).*:\n((?: {6}.*\n)+)", part):
            line = listing.splitlines()[int(found[1]) - 1]
            assert found[2].split() == line.split()
        else:
            assert "no error" in part


def test_it_has_no_paths_and_fits_the_page():
    assert "/" not in TEXT and "site-packages" not in TEXT
    assert max(map(len, TEXT.splitlines())) <= 79


def test_a_mend_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="not in the listing: 'no such"):
        SCRIPT["mended"](SCRIPT["LISTING"], [("no such text", "")])


# ------------------------------------------------- the GAN in PyTorch


@pytest.fixture(scope="module")
def pytorch(require):
    require("torch")
    return runpy.run_path(str(FOLDER / "pytorch_gan.py"))


@pytest.fixture(scope="module")
def artist():
    return tg.training.load_model(
        FOLDER.parent / "runs/gan_sprites.safetensors")[0]


PYTORCH = (FOLDER / "pytorch_gan.txt").read_text(encoding="utf-8")


def test_both_libraries_draw_the_same(pytorch, artist):
    z = artist.draw(4, np.random.default_rng(0))
    images = pytorch["images_of"](pytorch["twins"](artist)[0].eval(), z)
    assert np.abs(images - pytorch["ours"](artist, z)).max() < 1e-5


def test_both_libraries_train_alike(pytorch):
    gan = tg.models.GAN(tg.models.GANConfig(width=4, noise=8))
    images = tg.data.sprites(64, rng=0)[0]
    rounds = list(pytorch["race"](gan, images, 3, batch=8))
    for _, ours, theirs, _ in rounds:
        assert np.allclose(ours, theirs, atol=1e-5)
    off = pytorch["differences"](gan, rounds[-1][-1])
    noise = {name for name in off if re.fullmatch(r"[47]\.bias", name)}
    assert max(off[name] for name in off.keys() - noise) < 1e-4


def test_each_mistake_is_one(pytorch, artist):
    z = artist.draw(4, np.random.default_rng(0))
    want, silent = pytorch["ours"](artist, z), []
    for name, mistake in pytorch["MISTAKES"].items():
        assert name in PYTORCH
        try:
            images = pytorch["made"](mistake, artist, z)
        except RuntimeError as error:
            assert "size mismatch for 0.weight" in str(error)
        else:
            silent.append(np.abs(images - want).mean())
    assert len(silent) == 5 and min(silent) > 0.005


def test_its_output_names_versions_and_fits_the_page():
    assert re.match(r"PyTorch 2\.\d+\.\d+, tinygen \d", PYTORCH)
    assert max(map(len, PYTORCH.splitlines())) <= 79 and "/" not in PYTORCH

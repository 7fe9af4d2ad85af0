
import numpy as np
import pytest

from tinygen.sprites import SPRITE_NAMES, sprite_pairs, sprites


def test_shapes_types_and_labels():
    images, labels = sprites(300, rng=1)
    assert images.shape == (300, 28, 28, 3) and images.dtype == np.uint8
    assert labels.shape == (300,) and labels.dtype == np.int64
    assert sorted(set(labels)) == list(range(len(SPRITE_NAMES)))
    empty, none = sprites(0)
    assert empty.shape == (0, 28, 28, 3) and none.shape == (0,)


def test_the_seed_decides_everything():
    first, again, other = (sprites(50, rng=s)[0] for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    generator = np.random.default_rng(1)
    assert np.array_equal(first, sprites(50, rng=generator)[0])
    assert not np.array_equal(first, sprites(50, rng=generator)[0])
    assert np.array_equal(sprites(5)[0], sprites(5, rng=0)[0])


def test_styles_share_the_scene_of_a_seed():
    solid, labels = sprites(200, "solid", rng=3)
    striped, same = sprites(200, "striped", rng=3)
    mixed, _ = sprites(200, rng=3)
    assert np.array_equal(labels, same)
    is_solid = (mixed == solid).all(axis=(1, 2, 3))
    is_striped = (mixed == striped).all(axis=(1, 2, 3))
    assert (is_solid ^ is_striped).all() and 60 < is_solid.sum() < 140


def test_a_chosen_background_changes_nothing_else():
    mixed, light, dark = (sprites(100, rng=4, background=b)[0]
                          for b in ("mixed", "light", "dark"))
    is_light = (mixed == light).all(axis=(1, 2, 3))
    assert ((mixed == dark).all(axis=(1, 2, 3)) ^ is_light).all()
    assert (light[:, 0, 0] > 200).all() and (dark[:, 0, 0] < 60).all()


def test_pairs_differ_inside_the_shape_and_nowhere_else():
    solid, striped = sprite_pairs(400, rng=4)
    background = solid[:, :1, :1]
    changed = (solid != striped).any(axis=-1)
    outside = (solid == background).all(axis=-1)
    assert changed.any(axis=(1, 2)).all()
    assert not (changed & outside).any()


def test_equal_solid_images_have_equal_stripes():
    """The stripes may depend on nothing that the solid image hides."""
    scene = {"label": np.arange(8), "radius": np.full(8, 10, np.float32),
             "centre": np.zeros((8, 2), np.float32),
             "colour": np.full((8, 3), 100.0),
             "background": np.zeros((8, 3), np.float32)}
    from tinygen.sprites import _render
    first, second = (_render(striped=np.ones(8, bool), size=28, **scene)
                     for _ in range(2))
    assert np.array_equal(first, second)
    assert len(np.unique(first.reshape(8, -1), axis=0)) == 8


def test_no_sprite_touches_the_border():
    images, _ = sprites(2000, rng=5)
    border = np.concatenate([images[:, [0, -1]].reshape(2000, -1, 3),
                             images[:, :, [0, -1]].reshape(2000, -1, 3)], 1)
    assert (border == images[:, :1, 0]).all()


def test_edges_are_smooth_and_areas_agree_with_a_finer_drawing():
    small, _ = sprites(100, "solid", rng=6)
    large, _ = sprites(100, "solid", rng=6, size=112)
    boxes = large.reshape(100, 28, 4, 28, 4, 3).mean(axis=(2, 4))
    assert np.abs(small - boxes).mean() < 1
    assert np.abs(small - boxes).max() < 90


@pytest.mark.parametrize(("call", "words"), [
    (lambda: sprites(3, "dotted"), "not 'dotted'"),
    (lambda: sprites(3, background="red"), "not 'red'"),
    (lambda: sprites(-1), "not -1"),
    (lambda: sprite_pairs(-1), "not -1"),
])
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()

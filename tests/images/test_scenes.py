import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from se_probe.class_names import imagenet_labels
from se_probe.errors import ImagesError
from se_probe.images import default_preprocessing, open_images
from se_probe.images.scenes import SCENES, ball, draw_scene
from se_probe.images.scenes.canvas import SIDE, Canvas, mixed, shaded, varied

RED, BLUE = (200, 0, 0), (0, 0, 200)


def drawn(n, split):
    """Pictures and class numbers, shape (n_classes * n, 64, 64, 3)."""
    pixels = [
        np.asarray(draw_scene(wnid, i, split=split))
        for wnid in SCENES
        for i in range(n)
    ]
    return np.stack(pixels) / 255, np.repeat(np.arange(len(SCENES)), n)


@pytest.fixture(scope="module")
def train():
    return drawn(30, "train")


@pytest.fixture(scope="module")
def test():
    return drawn(10, "test")


# --- what is drawn -------------------------------------------------------------------


def test_subjects_are_the_imagenet_classes_they_are_called():
    for wnid, drawing in SCENES.items():
        lemmas = [name.casefold() for name in imagenet_labels().find(wnid).lemmas]

        assert drawing.__name__.replace("_", " ") in lemmas
    assert list(SCENES) == sorted(SCENES)


@pytest.mark.parametrize("wnid", SCENES)
def test_a_picture_depends_on_nothing_but_its_coordinates(wnid):
    first = draw_scene(wnid, 3, split="train", seed=5).tobytes()
    draw_scene(wnid, 4)

    assert draw_scene(wnid, 3, split="train", seed=5).tobytes() == first
    assert draw_scene(wnid, 4, split="train", seed=5).tobytes() != first
    assert draw_scene(wnid, 3, split="test", seed=5).tobytes() != first
    assert draw_scene(wnid, 3, split="train", seed=6).tobytes() != first


def test_drawing_leaves_numpys_global_random_numbers_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002

    draw_scene("n02110958", 0)

    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_no_test_picture_is_a_training_picture(train, test):
    pictures = [picture.tobytes() for picture in (*train[0], *test[0])]

    assert len(set(pictures)) == len(pictures)


def test_pictures_of_a_class_vary_everywhere(train):
    pixels, labels = train
    # Means of 8 x 8 pixels, so that noise does not count as variation.
    tiles = pixels.reshape(len(pixels), 8, 8, 8, 8, 3).mean((2, 4))

    for label in range(len(SCENES)):
        assert tiles[labels == label].std(axis=0).min() > 0.03


def accuracy(train, test, features):
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=300))
    model.fit(features(train[0]), train[1])
    return model.score(features(test[0]), test[1])


def test_classes_are_told_apart_by_shape_more_than_by_colour(train, test):
    by_colour = accuracy(train, test, lambda pixels: pixels.mean((1, 2)))
    by_pixels = accuracy(train, test, lambda p: p[:, ::4, ::4].reshape(len(p), -1))

    assert 0.2 < by_colour < 0.5
    assert by_colour + 0.15 < by_pixels < 0.95


def test_unknown_subject_is_refused():
    with pytest.raises(ImagesError, match="nothing is drawn for 'n02123045', only for"):
        draw_scene("n02123045", 0)


# --- as a data set -------------------------------------------------------------------


def test_scenes_say_that_they_are_drawn():
    images = open_images("scenes", default_preprocessing("scenes"), seed=7)

    assert images.source["drawn"] is True
    assert images.source["decoder"].startswith("drawn by code")
    assert images.source["seed"] == 7


def test_scenes_are_fifty_of_each_class_by_default():
    images = open_images("scenes", default_preprocessing("scenes"))

    assert len(images) == 50 * len(SCENES)
    assert images.class_names == tuple(w for w in SCENES for _ in range(50))
    assert images.image_ids[51] == "test/n02110958/00001"


def test_more_pictures_leave_the_first_ones_as_they_are():
    preprocessing = default_preprocessing("scenes")
    few = open_images("scenes", preprocessing, per_class=2, batch_size=4)
    many = open_images("scenes", preprocessing, per_class=3, batch_size=4)

    assert few.image_ids[2] == many.image_ids[3] == "test/n02110958/00000"
    assert (few.batch(0)[2] == many.batch(0)[3]).all()


def test_pixels_are_those_of_the_drawing():
    preprocessing = default_preprocessing("scenes")
    images = open_images("scenes", preprocessing, per_class=2, split="train", seed=4)

    picture = draw_scene("n02110958", 1, split="train", seed=4)

    assert (images.batch(0)[3] == preprocessing.transform()(picture)).all()


def test_scenes_can_be_grey():
    images = open_images("scenes", default_preprocessing("digits"), per_class=1)

    assert images.batch(0).shape == (32, 1, 28, 28)


# --- the drawing tools ---------------------------------------------------------------


def painted(canvas):
    """Where the finished picture is red, shape (64, 64), 0 to 1."""
    return np.asarray(canvas.finished())[:, :, 0] / 200


def test_shapes_cover_the_area_they_should():
    square, disc, stroke = Canvas(), Canvas(), Canvas()

    square.rectangle((-0.5, -0.25, 0.5, 0.25), RED)
    disc.ellipse((0, 0), (0.8, 0.4), RED, turn=0.7)
    stroke.placed(scale=0.5).line([(-1, 0), (1, 0)], 0.2, RED)

    assert painted(square).mean() == pytest.approx(1.0 * 0.5 / 4, abs=0.01)
    assert painted(disc).mean() == pytest.approx(np.pi * 0.8 * 0.4 / 4, abs=0.01)
    assert painted(stroke).mean() == pytest.approx(1.0 * 0.1 / 4, abs=0.005)


def test_pens_move_scale_flip_and_turn():
    canvas = Canvas()
    pen = canvas.placed((0.5, 0), scale=0.5, flip=True, turn=np.pi / 2)

    pen.rectangle((0.2, 0.0, 0.8, 0.4), RED)  # right of the pen and below: above, left

    rows, columns = np.nonzero(painted(canvas) > 0.5)
    centre = np.array([columns.mean(), rows.mean()]) / (SIDE / 2) - 1
    np.testing.assert_allclose(centre, (0.4, -0.25), atol=0.03)


def test_flattened_pens_turn_what_is_flattened():
    canvas = Canvas()

    canvas.placed(stretch=0.5, turn=np.pi / 2).ellipse((0, 0), (0.8, 0.8), RED)

    assert painted(canvas)[:, SIDE // 2].mean() == pytest.approx(0.8, abs=0.03)
    assert painted(canvas)[SIDE // 2].mean() == pytest.approx(0.4, abs=0.03)


def test_backdrop_runs_from_one_colour_to_the_other():
    canvas = Canvas()

    canvas.backdrop(RED, BLUE, start=0.0)

    pixels = np.asarray(canvas.finished())
    assert not pixels[: SIDE // 2].any()
    np.testing.assert_allclose(pixels[SIDE // 2, 0], RED, atol=4)
    np.testing.assert_allclose(pixels[-1, -1], BLUE, atol=4)


def test_colours_stay_colours():
    rng = np.random.default_rng(0)

    colours = [varied(rng, (250, 5, 128), by=80) for _ in range(50)]

    assert np.min(colours) == 0
    assert np.max(colours) == 255
    assert shaded((200, 100, 0), 2.0) == (255, 200, 0)
    assert mixed((0, 100, 200), (100, 100, 0), 0.25) == (25, 100, 150)


def test_the_ball_is_a_truncated_icosahedron():
    edges = np.diff(ball.PENTAGONS, axis=1, append=ball.PENTAGONS[:, :1])
    rotation = ball._random_rotation(np.random.default_rng(0))

    assert ball.PENTAGONS.shape == (12, 5, 3)
    assert ball.SEAMS.shape == (60, 2, 3)
    np.testing.assert_allclose(np.linalg.norm(ball.PENTAGONS, axis=2), 1)
    # Of a truncated icosahedron whose corners lie on the unit sphere.
    np.testing.assert_allclose(np.linalg.norm(edges, axis=2), 1 / 2.47802, atol=1e-5)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)

"""Any torch Dataset."""

import sys

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from pictures import PLAIN_GREY, SMALL, noise_picture
from se_probe.errors import ImagesError, UsageError
from se_probe.images import (
    Preprocessing,
    open_images,
    reopen_images,
)


class Listed(Dataset):
    """A Dataset of given items."""

    def __init__(self, items, **attributes):
        self.items = items
        vars(self).update(attributes)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        item = self.items[index]
        if isinstance(item[0], Exception):
            raise item[0]
        return item


def test_dataset_of_pictures_is_preprocessed():
    pictures = [noise_picture(i) for i in range(3)]
    items = [(picture, i) for i, picture in enumerate(pictures)]

    images = open_images(Listed(items, classes=["a", "b", "c"]), SMALL)

    assert images.image_ids == ("00000", "00001", "00002")
    assert images.class_names == ("a", "b", "c")
    assert torch.equal(images.batch(0)[1], SMALL.transform()(pictures[1]))


def test_dataset_of_arrays_equals_one_of_pictures():
    picture = noise_picture()
    arrays = Listed([(np.asarray(picture), "x"), (np.asarray(picture.convert("L")), 5)])

    images = open_images(arrays, PLAIN_GREY)

    expected = PLAIN_GREY.transform()(picture.convert("L"))
    assert torch.equal(images.batch(0)[0], expected)
    assert torch.equal(images.batch(0)[1], expected)
    assert images.class_names == ("x", "5")


def test_tensors_are_taken_as_they_are():
    pixels = torch.randn(5, 3, 16, 16, dtype=torch.float64)
    dataset = TensorDataset(pixels, torch.tensor([3, 1, 2, 1, 3]))

    images = open_images(dataset, SMALL)

    assert torch.equal(images.batch(0)[:5], pixels.float())
    assert images.class_names == ("3", "1", "2", "1", "3")


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (torch.zeros(3, 16, 16, dtype=torch.uint8), "got torch.uint8 as item 0"),
        (np.zeros((3, 16, 16), np.uint8), r"expected arrays of uint8.*\(3, 16, 16\)"),
        (np.zeros((16, 16, 3)), "expected arrays of uint8.*float64"),
        ("photo.jpg", "Pillow images, arrays or tensors, got str"),
    ],
)
def test_dataset_of_other_images_is_refused(image, sentence):
    with pytest.raises(ImagesError, match=sentence):
        open_images(Listed([(image, 0)]), SMALL)


def test_dataset_without_labels_or_length_is_refused():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([])

    with pytest.raises(ImagesError, match="at least one item, got Stream"):
        open_images(Stream(), SMALL)
    with pytest.raises(ImagesError, match="at least one item, got Listed"):
        open_images(Listed([]), SMALL)
    with pytest.raises(ImagesError, match=r"expected a torch Dataset of \(image, lab"):
        open_images(Listed([(torch.zeros(3, 16, 16),)]), SMALL)


def test_damaged_picture_of_a_dataset_is_skipped():
    items = [(OSError("broken"), 0), (noise_picture(), 1)]

    batch = next(open_images(Listed(items, targets=[0, 1]), SMALL).batches([0]))

    assert batch.problems[:2] == ("00000: broken", None)
    with pytest.raises(ImagesError, match=r"item 0 .* give the data set a list `targ"):
        open_images(Listed(items), SMALL)


def test_take_keeps_the_order_of_mixed_classes():
    items = [(noise_picture(), label) for label in "abcabcabc"]

    taken = open_images(Listed(items), SMALL).take({"b": 3}, others=2)

    assert "".join(taken.class_names) == "abcbabc"


def test_label_is_the_one_that_the_items_carry():
    picture = noise_picture()
    plain = Listed([(picture, 0), (picture, 1), (picture, 2)], classes=["a", "b", "c"])
    renamed = Listed(
        [(picture, 1)], targets=[0], classes=["a", "b"], target_transform=lambda y: 1
    )

    assert open_images(Subset(plain, [2, 0]), SMALL).class_names == ("c", "a")
    assert open_images(renamed, SMALL).class_names == ("b",)


def test_dataset_cannot_be_reopened_from_its_provenance():
    source = open_images(Listed([(noise_picture(), 0)]), SMALL).source

    with pytest.raises(ImagesError, match="only the program that made it"):
        reopen_images(source, SMALL)


# --- tensors of any shape ------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 8, 8), (2, 100), (1, 5, 6, 7), (80, 30), (9,)])
def test_tensors_of_any_shape_are_taken_as_they_are(shape):
    values = torch.randn(3, *shape)

    images = open_images(TensorDataset(values, torch.tensor([0, 1, 0])), batch_size=2)

    assert images.preprocessing.input_size == shape
    assert torch.equal(images.batch(0), values[:2])
    assert torch.equal(images.batch(1), torch.stack([values[2], torch.zeros(shape)]))


def test_the_shape_of_the_tensors_wins_over_the_networks():
    images = open_images(Listed([(torch.ones(3, 8, 8), 0)]), SMALL)

    assert images.preprocessing.input_size == (3, 8, 8)
    assert images.preprocessing.interpolation == SMALL.interpolation


def test_tensors_of_different_shapes_make_no_batch():
    items = [(torch.zeros(2, 5), 0), (torch.zeros(2, 6), 0)]
    images = open_images(Listed(items))

    with pytest.raises(ImagesError, match=r"one shape.*\(2, 6\) as item 1, and \(2, 5"):
        images.batch(0)


def test_pictures_need_a_preprocessing():
    with pytest.raises(ImagesError, match="give its preprocessing, or a Dataset of te"):
        open_images(Listed([(noise_picture(), 0)]))
    with pytest.raises(UsageError, match="scenes have to be prepared"):
        open_images("scenes")


def test_pictures_cannot_feed_a_network_of_four_channels(tmp_path):
    (tmp_path / "cat").mkdir()
    noise_picture().save(tmp_path / "cat" / "0.png")

    with pytest.raises(ImagesError, match=r"inputs of shape \(4, 8, 8\), which pictur"):
        open_images(tmp_path, Preprocessing((4, 8, 8)))


# --- named functions -----------------------------------------------------------------

SIGNALS = """
import torch
from torch.utils.data import TensorDataset

made = TensorDataset(torch.arange(12.0).reshape(3, 2, 2), torch.tensor([1, 0, 1]))

def signals():
    import helper_of_signals  # found beside the module, also when it is called
    return made

def needs(folder):
    return made

def wrong():
    return 7
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "signals_here.py").write_text(SIGNALS)
    (tmp_path / "helper_of_signals.py").touch()
    monkeypatch.chdir(tmp_path)
    yield "signals_here"
    for name in ("signals_here", "helper_of_signals"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["signals", "made"])
def test_a_function_that_makes_a_dataset_is_named(module, name):
    images = open_images(f"{module}:{name}", batch_size=3)

    assert images.batch(0).flatten().tolist() == list(range(12))
    assert images.labels == (1, 0, 1)
    assert images.source["path"] == f"{module}:{name}"


def test_a_function_named_in_a_record_runs_only_when_asked_for(module):
    images = open_images(f"{module}:signals")

    with pytest.raises(ImagesError, match=r"to allow it to run, give it as the data"):
        reopen_images(images.source, images.preprocessing)
    again = reopen_images(
        images.source, images.preprocessing, factory=f"{module}:signals"
    )
    assert again.source == images.source


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("signals_here:nothing", "signals_here has no function nothing"),
        (
            "signals_here:needs",
            r"without arguments \(missing a required argument",
        ),
        (
            "signals_here:wrong",
            "map-style torch Dataset with at least one item",
        ),
        ("no_such_module:f", "cannot be imported"),
        ("signals_here", "A torch Dataset is given as package.module:factory"),
    ],
)
def test_a_function_that_makes_no_dataset_is_refused(module, name, sentence):
    with pytest.raises(ImagesError, match=sentence):
        open_images(name, SMALL)

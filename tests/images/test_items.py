"""Items of torch Datasets in the forms people have: dicts, labels, several inputs."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Dataset, TensorDataset

from pictures import SMALL
from se_probe.errors import ImagesError
from se_probe.images import open_images

PICTURE = Image.new("RGB", (20, 20), (200, 30, 60))
PIXELS = torch.full((3, 16, 16), 0.5)


class Listed(Dataset):
    """A Dataset of given items."""

    def __init__(self, items, **attributes):
        self.items = items
        vars(self).update(attributes)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


Sample = namedtuple("Sample", "image label path")


@dataclass
class Record:
    image: Image.Image
    label: int


@pytest.mark.parametrize(
    "item",
    [
        {"image": PICTURE, "label": 1},
        {"Image": PICTURE, "Label": 1, "path": "a.png", "index": torch.tensor(4)},
        Sample(PICTURE, 1, "a.png"),
        Record(PICTURE, 1),
    ],
)
def test_named_parts_of_an_item_are_picture_and_label(item):
    images = open_images(Listed([item]), SMALL)

    assert torch.equal(images.batch(0)[0], SMALL.transform()(PICTURE))
    assert images.labels == (1,)


@pytest.mark.parametrize(
    "label",
    [
        1,
        np.int64(1),
        np.array([1]),
        torch.tensor(1),
        torch.tensor([[1]]),
        torch.tensor(1.0),
        [1],
    ],
)
def test_label_of_one_class_is_taken_in_any_form(label):
    images = open_images(Listed([{"pixel_values": PIXELS, "labels": label}]))

    assert images.labels == (1,)
    assert torch.equal(images.batch(0)[0], PIXELS)


def test_several_tensors_of_a_dict_keep_names_and_number_types():
    ids, mask = torch.arange(5), torch.ones(5, dtype=torch.bool)
    item = {"input_ids": ids, "attention_mask": mask, "label": 0}

    batch = open_images(Listed([item])).batch(0)

    assert list(batch) == ["input_ids", "attention_mask"]
    assert torch.equal(batch["input_ids"][0], ids)
    assert torch.equal(batch["attention_mask"][0], mask)


def test_arrays_of_measurements_are_taken_as_tensors():
    signal = np.random.default_rng(0).normal(size=(5, 40))

    batch = open_images(Listed([(signal, 0)])).batch(0)

    assert torch.equal(batch[0], torch.from_numpy(signal).float())


def test_joined_data_sets_keep_the_names_they_share():
    parts = [
        Listed([(PICTURE, label)], classes=["cat", "dog"], targets=[label])
        for label in (1, 0)
    ]

    assert open_images(ConcatDataset(parts), SMALL).class_names == ("dog", "cat")


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ({"img": PICTURE, "fine_label": 1}, r"got none: .* keys img \(Image\), fine_l"),
        ({"image": PICTURE, "label": 1, "class": "a"}, "got several: .*class"),
        ({"input_ids": [1, 2], "label": 1}, r"none under the keys input_ids \(list\)"),
        (((PICTURE, PIXELS), 1), "got Image as input 0 of item 0"),
        ((PIXELS, None), "got NoneType as the label of item 0"),
        ((PIXELS, float("nan")), "got float as the label of item 0"),
    ],
)
def test_item_whose_meaning_is_not_clear_is_refused(item, sentence):
    with pytest.raises(ImagesError, match=sentence):
        open_images(Listed([item]), SMALL)


def test_item_of_three_parts_is_refused():
    dataset = TensorDataset(PIXELS[None], torch.zeros(1, 5), torch.tensor([1]))

    with pytest.raises(ImagesError, match=r"got 3 parts .* \(\(tensor, ...\), label\)"):
        open_images(dataset)

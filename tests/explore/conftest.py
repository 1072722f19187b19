"""Records to explore: several blocks and classes, and names that look like markup."""

import numpy as np
import pytest
from PIL import Image

import records
from browser import BOLD, SCRIPT
from se_probe.gates import make_gates


@pytest.fixture
def record():
    return records.resnet50_record()


@pytest.fixture
def marked_up():
    """Record in which a class, a prediction and a file are called like markup."""
    rng = np.random.default_rng(0)
    classes = [BOLD, "$$\\alpha$$", "pug"]
    names = [classes[k % 3] for k in range(30)]
    return make_gates(
        {"SE_2_1": rng.random((30, 6)), "SE_3_1": rng.random((30, 8))},
        names,
        image_ids=[f"{k} {SCRIPT}" for k in range(30)],
        class_index=[k % 3 for k in range(30)],
        predicted=[(k % 3 + k % 2) % 3 for k in range(30)],
        attrs={"label_set": classes, "architecture": "<i>net</i>"},
    )


@pytest.fixture
def photographed(tmp_path):
    """Record of pictures on disk: red ones open the first channel."""
    ids, names = [], []
    for k in range(40):
        name = "red" if k % 2 else "blue"
        (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
        ids.append(f"{name}/{k:02}.png")
        names.append(name)
        Image.new("RGB", (32, 24), name).save(tmp_path / "photos" / ids[-1])
    rng = np.random.default_rng(0)
    level = np.array([0.8 if name == "red" else 0.2 for name in names])
    first = np.column_stack([level + 0.01 * rng.random(40), 0.1 * rng.random((40, 3))])
    facts = {"kind": "folder", "name": "photos", "path": str(tmp_path / "photos")}
    return make_gates(
        {"SE_2_1": first, "SE_3_1": rng.random((40, 8))},
        names,
        image_ids=ids,
        predicted=[int(name == "red") for name in names],
        attrs={"images": facts, "label_set": ["blue", "red"]},
    )

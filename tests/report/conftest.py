"""Records to report on."""

import numpy as np
import pytest
from PIL import Image

import records
from browser import BOLD
from se_probe.gates import make_gates

NASTY = "</script><script>alert(1)</script>"


@pytest.fixture(scope="package")
def record():
    return records.resnet50_record()


@pytest.fixture(scope="package")
def marked_up():
    """Record in which classes, images and the network are called like markup."""
    rng = np.random.default_rng(0)
    classes = [BOLD, NASTY, "$$\\alpha$$"]
    return make_gates(
        {"SE_2_1": rng.random((30, 6)), "SE_3_1": rng.random((30, 8))},
        [classes[k % 3] for k in range(30)],
        image_ids=[f"{k} {NASTY}" for k in range(30)],
        class_index=[k % 3 for k in range(30)],
        predicted=[(k % 3 + k % 2) % 3 for k in range(30)],
        attrs={"label_set": classes, "architecture": f"<i>net</i>{NASTY}"},
    )


@pytest.fixture
def photographed(tmp_path):
    """Record of pictures on disk."""
    ids = [f"{'red' if k % 2 else 'blue'}/{k:02}.png" for k in range(20)]
    for name in ids:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 24), name.partition("/")[0]).save(path)
    gates = np.random.default_rng(0).random((20, 5))
    facts = {"kind": "folder", "name": "photos", "path": str(tmp_path / "photos")}
    names = [name.partition("/")[0] for name in ids]
    return make_gates({"SE_2_1": gates}, names, image_ids=ids, attrs={"images": facts})

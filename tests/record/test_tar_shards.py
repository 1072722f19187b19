"""Records made from tar shards."""

import tarfile

import numpy as np
import xarray as xr

from pictures import noise_picture
from se_probe.checkpoints import build_network
from se_probe.images import open_images
from se_probe.record import record_gates


def test_gates_are_those_of_the_folder_bit_for_bit(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(4):
            noise_picture(i).save(tmp_path / "photos" / name / f"{name}{i}.png")
    paths = sorted((tmp_path / "photos").glob("*/*"))
    for number, few in enumerate([paths[:3], paths[3:]]):
        with tarfile.open(tmp_path / f"{number}.tar", "w") as tar:
            for path in few:
                tar.add(path, path.relative_to(tmp_path / "photos"))
    network = build_network("se_lenet")
    sources = (tmp_path / "photos", f"{tmp_path}/*.tar")

    folder, shards = (
        record_gates(
            network, open_images(source, network.preprocessing, batch_size=3), threads=1
        )
        for source in sources
    )

    xr.testing.assert_identical(folder.drop_attrs(), shards.drop_attrs())
    assert np.isfinite(shards).all()
    assert shards.attrs["images"]["kind"] == "shards"

"""Recording: the numbers, the order, what happens when it is interrupted."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import Network, build_network, save_network
from se_probe.errors import GateRecordError, ImagesError, UsageError
from se_probe.gates import State, open_gates, open_group, pending_batches, save_gates
from se_probe.images import ImageBatch, default_preprocessing, open_images
from se_probe.record import record_gates


def test_recorded_gate_is_the_scale_the_block_applied(tiny_network, tiny_images):
    model = tiny_network.model.eval()
    x = tiny_images.batch(0)
    before = model.layer1[0].drop(model.layer1[0].bn(model.layer1[0].conv(x))).relu()
    after = model.layer1[0].se(before)
    expected = (after.sum((2, 3)) / before.sum((2, 3))).detach().numpy()

    gates = record_gates(tiny_network, tiny_images)

    recorded = gates.sel(channel=gates["block"] == "SE_2_1").values[:3]
    np.testing.assert_allclose(recorded, expected, rtol=1e-4)


def test_rows_carry_class_image_and_prediction(tiny_network, tiny_images):
    with torch.no_grad():
        predicted = tiny_network.model.eval()(tiny_images.batch(0)).argmax(1)

    gates = record_gates(tiny_network, tiny_images)

    assert gates.sizes == {"image": 20, "channel": 10}
    assert list(gates["image_id"].values[:2]) == ["n01443537/0.png", "n01443537/1.png"]
    assert list(dict.fromkeys(gates["class_name"].values)) == [
        "goldfish",
        "pug",
        "airliner",
        "cliff",
    ]
    assert list(gates["class_index"].values[::5]) == [0, 1, 2, 3]
    assert gates["predicted"].values[:3].tolist() == predicted.tolist()
    assert (gates["state"].values == State.RECORDED).all()


def test_recording_leaves_the_model_and_its_output_as_they_were(
    tiny_network, tiny_images
):
    model = tiny_network.model
    model.train()
    model.layer1[0].bn.eval()
    modes = [module.training for module in model.modules()]
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    flags = (torch.are_deterministic_algorithms_enabled(), torch.get_num_threads())

    record_gates(tiny_network, tiny_images, threads=2)

    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
    assert flags == (
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
    )
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_provenance_is_plain_and_says_where_the_numbers_come_from(
    tiny_network, tiny_images, tmp_path
):
    gates = record_gates(
        tiny_network, tiny_images, out=tmp_path / "run.zarr", attrs={"why": "a test"}
    )

    facts = gates.attrs
    assert facts["architecture"] == "networks:TinyNet"
    assert len(facts["sha256"]) == 64
    assert facts["preprocessing"] == tiny_images.preprocessing.as_dict()
    assert facts["images"]["decoder"].startswith("Pillow")
    assert facts["torch"] == torch.__version__
    assert (facts["batch_size"], facts["threads"], facts["device"]) == (3, 1, "cpu")
    assert facts["why"] == "a test"
    assert [block["name"] for block in facts["blocks"]] == ["SE_2_1", "SE_3_1"]


def test_class_that_the_network_does_not_know_has_index_minus_one(tiny_network, photos):
    (photos / "n01443537").rename(photos / "n01440764")
    images = open_images(photos, tiny_network.preprocessing)

    gates = record_gates(tiny_network, images)

    assert gates["class_name"].values[0] == "n01440764"
    assert gates["class_index"].values[:6].tolist() == [-1] * 5 + [1]


def test_class_is_found_by_name_in_a_folder_of_names(tiny_network, photos):
    (photos / "n02690373").rename(photos / "Plane")
    images = open_images(photos, tiny_network.preprocessing)

    gates = record_gates(tiny_network, images)

    of_planes = gates["image_id"].str.startswith("Plane/")
    assert set(gates["class_name"][of_planes].values) == {"airliner"}
    assert set(gates["class_index"][of_planes].values) == {2}


def test_unreadable_images_are_skipped_and_counted(tiny_network, photos):
    (photos / "n02110958" / "2.png").write_bytes(b"")
    (photos / "n02110958" / "3.png").write_bytes(b"\x89PNG broken")
    images = open_images(photos, tiny_network.preprocessing, batch_size=4)
    intact = record_gates(tiny_network, images.take({}, None))

    gates = record_gates(tiny_network, images)

    bad = gates["state"].values == State.SKIPPED
    assert gates["image_id"].values[bad].tolist() == [
        "n02110958/2.png",
        "n02110958/3.png",
    ]
    assert np.isnan(gates.values[bad]).all()
    assert (gates["predicted"].values[bad] == -1).all()
    assert np.isfinite(gates.values[~bad]).all()
    np.testing.assert_array_equal(gates.values, intact.values)


def test_strict_stops_at_an_unreadable_image_and_names_it(tiny_network, photos):
    (photos / "n02110958" / "2.png").write_bytes(b"")
    images = open_images(photos, tiny_network.preprocessing)

    with pytest.raises(ImagesError, match=r"n02110958/2\.png: .*empty.*--strict"):
        record_gates(tiny_network, images, strict=True)


def test_rows_of_nan_are_marked(tiny_network, tiny_images):
    class WithNan:
        """The images, one of them NaN."""

        def __getattr__(self, name):
            return getattr(tiny_images, name)

        def __len__(self):
            return len(tiny_images)

        def batches(self, numbers):
            for batch in tiny_images.batches(numbers):
                if batch.number == 1:
                    batch.pixels[1] = torch.nan
                yield ImageBatch(batch.number, batch.pixels, batch.problems)

    gates = record_gates(tiny_network, WithNan())

    assert np.flatnonzero(gates["state"].values == State.NAN).tolist() == [4]
    assert gates["predicted"].values[4] == -1


def test_ranks_cannot_share_a_record_in_memory(tiny_network, tiny_images, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(UsageError, match="share one record on disk"):
        record_gates(tiny_network, tiny_images)


def test_interrupted_record_goes_on_bit_for_bit(tiny_network, tiny_images, tmp_path):
    whole = record_gates(tiny_network, tiny_images)
    path = tmp_path / "run.zarr"

    def stop_after_nine(done, total):
        if done >= 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_gates(tiny_network, tiny_images, out=path, progress=stop_after_nine)
    assert pending_batches(open_group(path)) == [3, 4, 5, 6]
    seen = []
    gates = record_gates(
        tiny_network,
        tiny_images,
        out=path,
        progress=lambda *counts: seen.append(counts),
    )

    assert seen[0] == (9, 20)
    assert seen[-1] == (20, 20)
    assert np.array_equal(gates.values, whole.values)


def test_record_of_other_settings_is_not_continued(tiny_network, photos, tmp_path):
    path = tmp_path / "run.zarr"
    preprocessing = tiny_network.preprocessing
    record_gates(
        tiny_network, open_images(photos, preprocessing, batch_size=4), out=path
    )

    with pytest.raises(GateRecordError, match=r"batch size \(4 then, 5 now\)"):
        record_gates(
            tiny_network, open_images(photos, preprocessing, batch_size=5), out=path
        )


def test_record_of_other_weights_or_images_is_not_continued(
    tiny_network, photos, tmp_path
):
    path = tmp_path / "run.zarr"
    images = open_images(photos, tiny_network.preprocessing)
    record_gates(tiny_network, images, out=path)
    with torch.no_grad():
        tiny_network.model.head.bias += 1
    (photos / "n02110958" / "2.png").unlink()

    with pytest.raises(
        GateRecordError, match=r"another checkpoint .*image list .*--for"
    ):
        record_gates(
            tiny_network, open_images(photos, tiny_network.preprocessing), out=path
        )


@pytest.mark.parametrize(
    "damaged", ["gate/c/2/0", "predicted/c/2", "state/c/2", "gate/c/6/0"]
)
def test_damaged_batches_are_recorded_again_bit_for_bit(
    tiny_network, tiny_images, tmp_path, damaged
):
    out = tmp_path / "run.zarr"
    expected = record_gates(tiny_network, tiny_images, out=out).load()
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / damaged).write_bytes(b"nonsense")
    counts = []

    mended = record_gates(
        tiny_network, tiny_images, out=out, progress=lambda *n: counts.append(n)
    )

    xr.testing.assert_identical(mended.load(), expected)
    assert {path: path.read_bytes() for path in before} == before
    assert counts[0][0] in {17, 18}  # all but the images of one batch
    assert counts[1:] == [(20, 20)]


def test_a_selection_of_channels_is_not_continued(tiny_network, tiny_images, tmp_path):
    gates = record_gates(tiny_network, tiny_images)
    save_gates(gates.isel(channel=slice(0, 4)), tmp_path / "part.zarr")
    save_gates(gates, tmp_path / "run.zarr.zip")

    with pytest.raises(GateRecordError, match=r"holds 4 of 10 channels"):
        record_gates(tiny_network, tiny_images, out=tmp_path / "part.zarr")
    with pytest.raises(GateRecordError, match="is a zip file"):
        record_gates(tiny_network, tiny_images, out=tmp_path / "run.zarr.zip")


def test_record_is_begun_anew_only_when_asked(tiny_network, tiny_images, tmp_path):
    path = tmp_path / "run.zarr"
    record_gates(tiny_network, tiny_images, out=path)
    with torch.no_grad():
        tiny_network.model.layer1[0].se.fc2.bias += 1

    gates = record_gates(tiny_network, tiny_images, out=path, overwrite=True)

    assert np.array_equal(gates.values, record_gates(tiny_network, tiny_images).values)


def test_other_things_are_never_overwritten(tiny_network, tiny_images, tmp_path):
    (tmp_path / "thesis.tex").write_text("important")

    for overwrite in (False, True):
        with pytest.raises(GateRecordError, match="not a gate record"):
            record_gates(
                tiny_network,
                tiny_images,
                out=tmp_path / "thesis.tex",
                overwrite=overwrite,
            )

    assert (tmp_path / "thesis.tex").read_text() == "important"


def test_continued_record_keeps_its_number_of_threads(
    tiny_network, tiny_images, tmp_path
):
    path = tmp_path / "run.zarr"
    record_gates(tiny_network, tiny_images, out=path, threads=2)

    gates = record_gates(tiny_network, tiny_images, out=path)

    assert gates.attrs["threads"] == 2
    with pytest.raises(GateRecordError, match="number of CPU threads"):
        record_gates(tiny_network, tiny_images, out=path, threads=1)


def test_workers_do_not_change_a_bit(tiny_network, photos):
    images = [
        open_images(photos, tiny_network.preprocessing, batch_size=4, workers=workers)
        for workers in (0, 2)
    ]

    one, two = (record_gates(tiny_network, each) for each in images)

    assert np.array_equal(one.values, two.values)


def test_bf16_gates_are_near_those_of_fp32_and_stored_as_float32(
    tiny_network, tiny_images
):
    exact = record_gates(tiny_network, tiny_images)

    rough = record_gates(tiny_network, tiny_images, precision="bf16")

    assert rough.dtype == np.float32
    assert 0 < np.abs(rough.values - exact.values).max() < 0.05


def test_compiled_network_gives_the_same_gates(tiny_network, tiny_images, monkeypatch):
    monkeypatch.setattr(torch, "compile", eager_compile(torch.compile))
    plain = record_gates(tiny_network, tiny_images)

    compiled = record_gates(tiny_network, tiny_images, compile=True)

    np.testing.assert_allclose(compiled.values, plain.values, atol=1e-6)


def eager_compile(compile):
    """Dynamo with all its traps, without waiting for a C++ compiler."""
    return lambda model: compile(model, backend="eager")


def test_blocks_found_before_are_taken(tiny_network, tiny_images):
    blocks = find_se_blocks(tiny_network.model, tiny_images.batch(0))

    gates = record_gates(tiny_network, tiny_images, blocks[1:])

    assert set(gates["block"].values) == {"SE_3_1"}


def test_no_images_is_an_error(tiny_network, tiny_images):
    class Empty:
        def __len__(self):
            return 0

    with pytest.raises(ImagesError, match="at least one item, got Empty"):
        record_gates(tiny_network, Empty())


def test_any_torch_dataset_can_be_recorded(tiny_network):
    pixels = torch.rand(6, 3, 16, 16)
    dataset = [(pixels[i], "pug" if i % 2 else "cliff") for i in range(6)]

    gates = record_gates(
        tiny_network, open_images(dataset, tiny_network.preprocessing, batch_size=4)
    )

    assert gates["class_index"].values.tolist() == [3, 1, 3, 1, 3, 1]


@pytest.fixture
def digits_command(tmp_path) -> list[str]:
    network = build_network("se_lenet", options={"reduction": 2})
    save_network(network, tmp_path / "net.pt")
    script = "from se_probe.cli import main; main()"
    return [
        *(sys.executable, "-c", script, "record", "--ckpt", str(tmp_path / "net.pt")),
        *("--data", "digits", "--batch-size", "5", "--threads", "1", "--quiet"),
    ]


def test_killed_record_is_completed_bit_for_bit(digits_command, tmp_path):
    whole, killed = tmp_path / "whole.zarr", tmp_path / "killed.zarr"
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    subprocess.run([*digits_command, "--out", str(whole)], check=True, env=environment)

    process = subprocess.Popen([*digits_command, "--out", str(killed)], env=environment)
    while len(list(killed.glob("state/c/*"))) < 5 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    n_pending = len(pending_batches(open_group(killed)))
    subprocess.run([*digits_command, "--out", str(killed)], check=True, env=environment)

    assert 0 < n_pending < 100
    xr.testing.assert_identical(
        open_gates(whole).drop_attrs(), open_gates(killed).drop_attrs()
    )


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    script = """
import resource, sys, torch
from se_probe.checkpoints import build_network
from se_probe.images import open_images
from se_probe.record import record_gates
n = int(sys.argv[1])
class Noise(torch.utils.data.Dataset):
    def __len__(self):
        return n
    def __getitem__(self, i):
        noise = torch.Generator().manual_seed(i)
        return torch.rand(1, 28, 28, generator=noise), str(i % 10)
network = build_network("se_lenet")
images = open_images(Noise(), network.preprocessing, batch_size=100)
record_gates(network, images, out=sys.argv[2], threads=1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    peaks = [
        float(
            subprocess.run(
                [sys.executable, "-c", script, str(n), str(tmp_path / f"{n}.zarr")],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for n in (1_000, 20_000)
    ]

    assert abs(peaks[1] - peaks[0]) < 100  # MB


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_gives_the_same_bits_twice_and_the_gates_of_the_cpu(
    tiny_network, tiny_images
):
    on_cpu = record_gates(tiny_network, tiny_images)
    network = Network(
        tiny_network.model.cuda(), tiny_network.preprocessing, tiny_network.class_names
    )

    first, second = (record_gates(network, tiny_images) for _ in range(2))

    assert np.array_equal(first.values, second.values)
    assert first.attrs["device"] == "cuda"
    np.testing.assert_allclose(first.values, on_cpu.values, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_memory_stays_flat_over_many_recordings():
    network = build_network("se_lenet")
    network.model.cuda()
    images = open_images("digits", default_preprocessing("digits"), per_class=5)
    record_gates(network, images)
    before = torch.cuda.memory_allocated()

    for _ in range(20):
        record_gates(network, images)

    assert torch.cuda.memory_allocated() == before

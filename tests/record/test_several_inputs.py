"""Networks with several inputs: found, recorded, resumed, verified, ranked."""

import pytest
import torch
import xarray as xr

from se_probe.blocks import find_se_blocks
from se_probe.checkpoints import Network
from se_probe.errors import UsageError
from se_probe.evaluation import evaluate
from se_probe.images import Preprocessing, image_sums, open_images
from se_probe.interventions import calibrate, measure_blocks
from se_probe.record import record_gates
from se_probe.reproduce import verify_record
from several_inputs import CLASSES, SIDE, Samples, dicts, drawn, fusion_net, tuples


@pytest.fixture
def network():
    return Network(fusion_net(), Preprocessing((2, SIDE, SIDE)), CLASSES)


def test_gates_of_several_inputs_are_those_the_network_applied(network):
    rows, images, kinds, _ = drawn()
    seen = []
    hook = network.model.se.register_forward_hook(
        lambda module, args, output: seen.append(output / args[0])
    )
    with hook, torch.inference_mode():
        scores = network.model(rows, images, kinds)
    expected = seen[0].nanmean((2, 3))  # 0 / 0 where a ReLU gave zero

    gates = record_gates(network, tuples())

    torch.testing.assert_close(torch.from_numpy(gates.values), expected)
    assert (gates["predicted"].values == scores.argmax(1).numpy()).all()
    assert gates.attrs["images"]["inputs"] == [[5], [2, SIDE, SIDE], []]
    assert gates.attrs["image_size"] == [SIDE, SIDE]


def test_dict_is_given_by_the_names_of_the_arguments(network):
    gates = record_gates(network, dicts())

    xr.testing.assert_equal(gates, record_gates(network, tuples()))
    assert list(gates.attrs["images"]["inputs"]) == ["kind", "image", "row"]


@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_record_of_several_inputs_resumes(network, tmp_path, workers):
    images = open_images(dicts(), batch_size=8, workers=workers)

    def stop(n_done, n_images):
        if n_done == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_gates(network, images, out=tmp_path / "run.zarr", progress=stop)
    resumed = record_gates(network, images, out=tmp_path / "run.zarr")

    xr.testing.assert_identical(
        resumed.drop_attrs(), record_gates(network, images).drop_attrs()
    )
    verification = verify_record(resumed, network, images, batches=None)
    assert verification.n_checked == len(images)
    assert verification.n_differing == 0
    assert not verification.changes


def test_several_inputs_are_evaluated_and_ranked(network):
    images = open_images(tuples(), batch_size=16)
    _, _, _, targets = drawn()
    with torch.inference_mode():
        right = (network.model(*drawn()[:3]).argmax(1) == targets).sum()

    found = evaluate(network, images, n_timed=1)
    gates = record_gates(network, images)
    costs = measure_blocks(network, calibrate(network, images, gates))

    assert found.network.top1.n_correct == right
    # Both tables, the head, the convolution at each position, the block's two layers.
    expected = 5 * 4 + 16 * 3 + SIDE**2 * 8 * 2 * 9 + 2 * 8 * 2
    assert found.network.macs == expected
    assert found.network.batch_latency_ms > 0
    assert list(costs["block"].values) == ["SE_0_1"]
    assert costs["kl"].notnull().all()


def test_sum_of_a_sample_is_over_all_its_inputs():
    def changed(row, image, kind, target):
        return (row, image, kind + (row[0] > 0)), int(target)

    same, other = (image_sums(open_images(each)) for each in (tuples(), dicts()))
    moved = image_sums(open_images(Samples(changed)))

    is_moved = (drawn()[0][:, 0] > 0).tolist()
    assert [same[name] != moved[name] for name in same] == is_moved
    assert len(set(other.values())) == len(other)


def test_what_the_network_takes_is_said(network):
    one = Samples(lambda row, image, kind, target: (image, target))
    named = Samples(
        lambda row, image, kind, target: {"picture": image, "row": row, "y": target}
    )

    with pytest.raises(UsageError, match=r"takes \(row, image, kind\), .* 1 input \("):
        record_gates(network, one)
    with pytest.raises(UsageError, match=r"inputs picture, row \(missing .*'image'"):
        record_gates(network, named)


def test_picture_beside_a_mask_goes_to_a_network_with_one_input():
    data = Samples(
        lambda row, image, kind, target: {"mask": row, "image": image, "label": target}
    )
    alone = Samples(lambda row, image, kind, target: (image, target))

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = fusion_net()

        def forward(self, x):
            return self.net.se(self.net.conv(x).relu()).mean((2, 3))[:, :3]

    gates = record_gates(Plain(), data)

    xr.testing.assert_equal(gates, record_gates(Plain(), alone))
    assert find_se_blocks(Plain(), open_images(data).batch(0))[0].path == "net.se"

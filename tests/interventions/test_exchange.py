"""Exchanged gates: as by hand, and where the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch import nn
from torch.utils.data import TensorDataset

from networks import Sequence1D
from se_probe.checkpoints import Network
from se_probe.class_names import label_set
from se_probe.errors import (
    BlockNameError,
    GateRecordError,
    ImagesError,
    UsageError,
)
from se_probe.gates import block_channels
from se_probe.images import open_images
from se_probe.interventions import TREATMENTS, draw_donors, exchange_gates
from se_probe.models import SEBlock
from se_probe.record import record_gates


@pytest.fixture
def gates(network, tiny_images, blocks):
    return record_gates(network, tiny_images, blocks)


def by_hand(model, images, rows):
    """Logits of the tiny network with gates given for some blocks, image by image."""
    found = []
    for number in range(len(images)):
        x = images.batch(number // images.batch_size)[number % images.batch_size][None]
        for name, layer in (("SE_2_1", model.layer1), ("SE_3_1", model.layer2)):
            unit = layer[0]
            x = unit.bn(unit.conv(x)).relu()
            if name in rows:
                gate = torch.as_tensor(rows[name][number]).float()
                x = x * gate[None, :, None, None]
            else:
                x = unit.se(x)
        found.append(model.head(x.mean((2, 3))))
    return torch.cat(found).double().detach().numpy()


def own_gates(gates, treatment, donors):
    """What a treatment gives each image, from the record, one image at a time."""
    values = gates.values.astype(float)
    names = gates["class_name"].values
    if treatment == "identity":
        return np.ones_like(values)
    if treatment == "frozen":
        return np.tile(values.mean(0), (len(values), 1))
    if treatment == "class_mean":
        others = [
            [j for j in range(len(names)) if names[j] == names[i] and j != i]
            for i in range(len(names))
        ]
        return np.stack([values[members].mean(0) for members in others])
    return values[getattr(donors, treatment)]


def kl_by_hand(original, changed):
    p, q = scipy.special.softmax(original, 1), scipy.special.softmax(changed, 1)
    return scipy.stats.entropy(p, q, axis=1)


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_every_treatment_is_what_is_done_by_hand(
    network, evaluated, tiny_images, blocks, gates, treatment
):
    found = exchange_gates(network, tiny_images, gates, blocks, seed=3)

    donors = draw_donors(gates, tiny_images, seed=3)
    rows = own_gates(gates, treatment, donors)
    parts = {b.name: rows[:, block_channels(gates, b.name)] for b in blocks}
    original = by_hand(evaluated, tiny_images, {})
    sets = {
        ("alone", "SE_2_1"): ["SE_2_1"],
        ("alone", "SE_3_1"): ["SE_3_1"],
        ("to_output", "SE_2_1"): ["SE_2_1", "SE_3_1"],
        ("from_input", "SE_2_1"): ["SE_2_1"],
        ("from_input", "SE_3_1"): ["SE_2_1", "SE_3_1"],
    }
    for (extent, block), members in sets.items():
        changed = by_hand(
            evaluated, tiny_images, {name: parts[name] for name in members}
        )
        kl = kl_by_hand(original, changed)
        one = found.sel(extent=extent, block=block, treatment=treatment)
        assert one["kl"].item() == pytest.approx(kl.mean(), rel=1e-3, abs=1e-6)
        reach = 1.96 * scipy.stats.sem(kl)
        assert one["kl_high"] - one["kl"] == pytest.approx(reach, rel=1e-3, abs=1e-6)
        same = (original.argmax(1) == changed.argmax(1)).mean()
        assert one["agreement"].item() == pytest.approx(same)


def test_cost_of_the_class_is_the_paired_difference(
    network, evaluated, tiny_images, blocks, gates
):
    found = exchange_gates(network, tiny_images, gates, blocks)

    donors = draw_donors(gates, tiny_images)
    where = block_channels(gates, "SE_3_1")
    original = by_hand(evaluated, tiny_images, {})
    other, same = (
        kl_by_hand(
            original,
            by_hand(
                evaluated,
                tiny_images,
                {"SE_3_1": own_gates(gates, name, donors)[:, where]},
            ),
        )
        for name in ("other_class", "same_class")
    )
    one = found.sel(extent="alone", block="SE_3_1")
    assert one["class_kl"].item() == pytest.approx((other - same).mean(), rel=1e-3)
    reach = 1.96 * scipy.stats.sem(other - same)
    assert one["class_kl_high"] - one["class_kl"] == pytest.approx(reach, rel=1e-3)
    kl = one["kl"]
    difference = kl.sel(treatment="other_class") - kl.sel(treatment="same_class")
    assert one["class_kl"].item() == pytest.approx(difference.item())


def test_shared_layers_change_no_kl(network, tiny_images, blocks, gates):
    shared = exchange_gates(network, tiny_images, gates, blocks)

    plain = exchange_gates(network, tiny_images, gates, blocks, share=False)

    assert np.abs(shared["kl"] - plain["kl"]).max() <= 1e-5
    assert shared["top1_change"].equals(plain["top1_change"])


def test_donors_are_seeded_of_the_right_class_and_never_the_image_itself(
    tiny_images, gates
):
    names = gates["class_name"].values

    many = [draw_donors(gates, tiny_images, seed) for seed in range(200)]

    for donors in many:
        assert (names[donors.same_class] == donors.class_names).all()
        assert (names[donors.other_class] != donors.class_names).all()
        assert (donors.same_class != donors.own).all()
    again = draw_donors(gates, tiny_images, 7)
    assert (again.other_class == many[7].other_class).all()
    counts = np.bincount([donors.other_class[0] for donors in many], minlength=20)
    assert scipy.stats.chisquare(counts[5:]).pvalue > 0.001
    assert not counts[:5].any()
    assert set(np.unique([d.same_class[0] for d in many])) == {1, 2, 3, 4}


def test_images_alone_in_their_class_are_left_out_and_counted(
    network, tiny_images, blocks
):
    positions = [0, *range(5, 20)]
    images = replace(tiny_images, pictures=tiny_images.pictures.chosen(positions))
    gates = record_gates(network, images, blocks)

    found = exchange_gates(network, images, gates, blocks)

    assert found.attrs["n_single"] == 1
    assert found.attrs["n_images"] == found.sizes["image"] == 15
    assert images.image_ids[0] not in found["image_id"].values
    assert set(found["other_class_donor"].values) <= set(images.image_ids)


def test_constant_gates_cost_nothing_whoever_gives_them(network, tiny_images, blocks):
    with torch.no_grad():
        network.model.layer1[0].se.fc2.weight.zero_()
    gates = record_gates(network, tiny_images, blocks)

    found = exchange_gates(network, tiny_images, gates, blocks)

    kl = found["kl"].sel(extent="alone", block="SE_2_1")
    assert kl.sel(treatment="identity") > 1e-6
    assert kl.drop_sel(treatment="identity").max() < 1e-10
    assert found["became_donor"].sel(extent="alone", block="SE_2_1") == 0
    assert found["became_donor_chance"].sel(extent="alone", block="SE_2_1") == 0


class Carrier(nn.Module):
    """The map is nearly the same for all images: only the gates know the class."""

    def __init__(self, n_classes: int = 4) -> None:
        super().__init__()
        self.fc = nn.Linear(n_classes, n_classes)
        self.head = nn.Linear(n_classes, n_classes, bias=False)
        with torch.no_grad():
            self.fc.weight.copy_(600 * torch.eye(n_classes))
            self.fc.bias.fill_(-603)
            self.head.weight.copy_(20 * torch.eye(n_classes))

    def forward(self, x):
        x = 1 + 0.01 * x
        gate = self.fc(x.mean((2, 3))).sigmoid()
        return self.head((x * gate[:, :, None, None]).mean((2, 3)))


def carried(n_per_class=6, n_classes=4):
    """Pictures of which one channel is bright, and the network above."""
    labels = torch.arange(n_classes).repeat(n_per_class)
    pixels = torch.zeros(len(labels), n_classes, 4, 4)
    pixels[torch.arange(len(labels)), labels] = 1
    pixels += 0.01 * torch.rand(pixels.shape, generator=torch.manual_seed(0))
    images = open_images(TensorDataset(pixels, labels), batch_size=5)
    return Network(Carrier(n_classes), images.preprocessing), images


def test_where_only_gates_know_the_class_the_prediction_becomes_the_donors():
    network, images = carried()
    gates = record_gates(network, images)

    found = exchange_gates(network, images, gates)

    one = found.sel(extent="alone").isel(block=0)
    assert one["became_donor"] == 1
    assert one["became_donor_chance"].item() == pytest.approx(1 / 3)
    assert one["n_donors_known"] == 24
    change = one["top1_change"]
    assert change.sel(treatment="other_class") == -1
    assert change.sel(treatment="same_class") == 0
    assert one["kl"].sel(treatment="same_class") < 0.01
    assert one["class_kl_low"] > 5


def test_shuffled_classes_make_same_and_other_class_alike():
    network, images = carried(n_per_class=20)
    gates = record_gates(network, images)
    shuffled = np.random.default_rng(0).permutation(gates["class_name"].values)
    gates = gates.assign_coords(class_name=("image", shuffled))

    one = exchange_gates(network, images, gates).sel(extent="alone").isel(block=0)

    assert one["class_kl_low"] < 0 < one["class_kl_high"]


def test_interrupted_exchange_resumes(network, tiny_images, blocks, gates, tmp_path):
    expected = exchange_gates(network, tiny_images, gates, blocks)

    def stop(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exchange_gates(
            network, tiny_images, gates, blocks, folder=tmp_path, progress=stop
        )
    seen = []
    found = exchange_gates(
        network,
        tiny_images,
        gates,
        blocks,
        folder=tmp_path,
        progress=lambda done, total: seen.append(done / total),
    )

    assert min(seen) > 0.4
    assert found.equals(expected)


class ChannelsLast3D(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(2, 8)
        self.first, self.second = nn.Linear(8, 4), nn.Linear(4, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.proj(x.movedim(1, -1)).relu()
        gate = torch.sigmoid(4 * self.second(self.first(x.mean((1, 2, 3))).relu()))
        return self.head((x * gate[:, None, None, None, :]).mean((1, 2, 3)))


@pytest.mark.parametrize(
    ("made", "shape"), [(Sequence1D, (2, 9)), (ChannelsLast3D, (2, 3, 4, 5))]
)
def test_maps_of_one_and_three_axes_and_channels_last(made, shape):
    torch.manual_seed(0)
    model = made().eval()
    labels = torch.arange(3).repeat_interleave(4)
    images = open_images(TensorDataset(torch.rand(12, *shape), labels), batch_size=5)
    network = Network(model, images.preprocessing)
    gates = record_gates(network, images)

    found = exchange_gates(network, images, gates)
    plain = exchange_gates(network, images, gates, share=False)

    alone = found["kl"].sel(extent="alone").isel(block=0)
    assert (alone > 0).all()
    assert np.abs(found["kl"] - plain["kl"]).max() <= 1e-5


def test_of_a_network_without_classes_there_is_kl_only(network, tiny_images, blocks):
    unnamed = Network(network.model, network.preprocessing, label_set([]))
    with pytest.warns(UserWarning, match="without predictions"):
        gates = record_gates(unnamed, tiny_images, blocks)

    found = exchange_gates(unnamed, tiny_images, gates, blocks)

    assert (found["kl"].sel(treatment="other_class") > 0).all()
    for name in ("top1_change", "became_donor", "became_donor_chance"):
        assert np.isnan(found[name]).all()
    assert found.attrs["top1"] is None


def test_of_labels_that_the_network_does_not_know_there_is_kl_only(
    network, tiny_images, blocks
):
    other = replace(network, class_names=label_set(["a", "b", "c", "d"]))
    named = replace(tiny_images, label_order="name")
    with pytest.warns(UserWarning, match="label order"):
        gates = record_gates(other, named, blocks)

    found = exchange_gates(other, named, gates, blocks)

    assert (found["kl"].sel(treatment="other_class") > 0).all()
    assert np.isnan(found["top1_change"]).all()
    assert np.isnan(found["became_donor"]).all()


class Maps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.se = nn.Conv2d(3, 8, 3), SEBlock(8, reduction=2)

    def forward(self, x):
        return self.se(self.conv(x).relu())


def test_network_without_class_scores_is_refused(tiny_images):
    network = Network(Maps().eval(), tiny_images.preprocessing, label_set([]))
    with pytest.warns(UserWarning, match="without predictions"):
        gates = record_gates(network, tiny_images)

    with pytest.raises(UsageError, match="gives none"):
        exchange_gates(network, tiny_images, gates)


def test_record_of_other_weights_is_refused(network, other, tiny_images, blocks):
    gates = record_gates(other, tiny_images, blocks)

    with pytest.raises(GateRecordError, match="of other weights"):
        exchange_gates(network, tiny_images, gates, blocks)


def test_record_of_other_images_under_the_same_names_is_refused(
    network, tiny_images, blocks, gates
):
    turned = gates.assign_coords(image_id=("image", gates["image_id"].values[::-1]))

    with pytest.raises(GateRecordError, match="record holds other gates of"):
        exchange_gates(network, tiny_images, turned, blocks)


def test_record_of_another_preprocessing_is_refused(
    network, tiny_images, blocks, gates
):
    larger = replace(network.preprocessing, input_size=(3, 24, 24))

    with pytest.raises(GateRecordError, match="recorded with input_size"):
        exchange_gates(
            network, replace(tiny_images, preprocessing=larger), gates, blocks
        )


def test_record_that_lacks_images_is_refused(network, tiny_images, blocks, gates):
    with pytest.raises(ImagesError, match="lacks 3 of the 20 images"):
        exchange_gates(network, tiny_images, gates.isel(image=range(17)), blocks)


def test_one_class_is_refused(network, tiny_images, blocks):
    images = replace(tiny_images, pictures=tiny_images.pictures.chosen(range(5)))
    gates = record_gates(network, images, blocks)

    with pytest.raises(ImagesError, match="at least two classes"):
        exchange_gates(network, images, gates, blocks)


def test_one_image_of_every_class_is_refused(network, tiny_images, blocks):
    images = replace(tiny_images, pictures=tiny_images.pictures.chosen([0, 5, 10, 15]))
    gates = record_gates(network, images, blocks)

    with pytest.raises(ImagesError, match="only one recorded image"):
        exchange_gates(network, images, gates, blocks)


def test_no_blocks_are_refused(network, tiny_images, gates):
    with pytest.raises(BlockNameError, match="at least one"):
        exchange_gates(network, tiny_images, gates, [])

"""The finder on the networks of timm and torchvision, against output over input."""

import warnings

import pytest
import timm
import torch
import torchvision
from torch import nn

from se_probe.blocks import capture_gates, find_se_blocks
from se_probe.errors import BlockError

# Number of channel gates of each, counted by reading their definitions.
TIMM = {
    "seresnet18": 8,
    "seresnet34": 16,
    "seresnet50": 16,
    "seresnet50t": 16,
    "seresnext26d_32x4d": 8,
    "seresnext26t_32x4d": 8,
    "seresnext50_32x4d": 16,
    "seresnet33ts": 10,
    "seresnext26ts": 8,
    "sebotnet33ts_256": 6,
    "legacy_seresnet18": 8,
    "legacy_seresnet34": 16,
    "legacy_seresnet50": 16,
    "legacy_seresnext26_32x4d": 8,
    "legacy_seresnext50_32x4d": 16,
    "resnetrs50": 16,
    "regnety_002": 13,
    "regnety_008": 14,
    "regnety_016": 27,
    "regnetz_b16": 22,
    "regnetz_c16": 22,
    "regnetz_d8": 24,
    "efficientnet_b0": 16,
    "efficientnetv2_rw_t": 29,
    "tf_efficientnet_b0": 16,
    "tf_efficientnetv2_b0": 16,
    "mobilenetv3_large_100": 8,
    "mobilenetv3_small_100": 9,
    "tf_mobilenetv3_large_100": 8,
    "mobilenetv3_rw": 8,
    "ghostnet_100": 7,
    "ghostnetv2_100": 7,
    "ghostnetv3_100": 7,
    "repghostnet_100": 7,
    "rexnet_100": 13,
    "rexnetr_200": 13,
    "nfnet_l0": 12,
    "nf_seresnet50": 16,
    "semnasnet_100": 8,
    "mnasnet_small": 10,
    "fbnetv3_b": 18,
    "hardcorenas_a": 8,
    "hardcorenas_f": 16,
    "lcnet_100": 2,
    "lcnetv2_base": 6,
    "tinynet_a": 19,
    "mixnet_s": 13,
    "tresnet_m": 18,
    "cs3sedarknet_l": 21,
    "cs3se_edgenet_x": 24,
    "sedarknet21": 7,
    "cspnext_s": 4,
    "coatnet_0_rw_224": 5,
    "maxvit_tiny_tf_224": 11,
    "gcvit_tiny": 11,
    "mobileone_s4": 12,
    "fastvit_sa12": 1,
    "repvit_m1": 10,
    "efficientvit_m0": 2,
    "efficientvim_m1": 2,
    "shvit_s1": 2,
    "ecaresnet26t": 8,
    "ecaresnet50d": 16,
    "eca_nfnet_l0": 12,
    "eca_resnet33ts": 10,
    "eca_vovnet39b": 4,
    "ese_vovnet19b_dw": 4,
    "ese_vovnet39b": 4,
    "hgnet_tiny": 5,
    "rdnet_tiny": 15,
    "resnest50d_1s4x24d": 16,
}
TORCHVISION = {
    "efficientnet_b0": 16,
    "efficientnet_v2_s": 30,
    "mobilenet_v3_large": 8,
    "mobilenet_v3_small": 9,
    "regnet_y_400mf": 16,
    "maxvit_t": 11,
    "lraspp_mobilenet_v3_large": 8,
}
# No gates, or nothing that multiplies a map by one number per channel.
WITHOUT = [
    "resnet18",
    "convnext_atto",
    "convnextv2_atto",
    "skresnet18",
    "resnest14d",
    "gcresnet33ts",
    "mobilenetv4_conv_small",
    "efficientnet_lite0",
    "darknet53",
    "hgnetv2_b0",
    "res2net50_26w_4s",
]
# Maps divided into windows of a fixed size need the side they were made for.
NATIVE_SIDE = {"sebotnet33ts_256": 256, "maxvit_t": 224}


def random_weights(model: nn.Module) -> nn.Module:
    """Weights under which gates vary: no zeros where a recipe starts with them."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2:
                spread = (2 / parameter[0].numel()) ** 0.5
                parameter.normal_(0, spread, generator=generator)
            elif name.endswith(("gain", "gamma", "weight")):
                parameter.uniform_(0.5, 1.5, generator=generator)
            else:
                parameter.normal_(0, 0.2, generator=generator)
    return model.eval()


def images(side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    patches = torch.randn(2, 3, 4, 4, generator=generator)
    return nn.functional.interpolate(patches, size=(side, side), mode="bilinear")


def gates_by_ratio(model, paths, batch):
    """Output over input of each block's module; NaN for channels that are zero."""
    inputs, ratios = {}, {}

    def before(path):
        return lambda module, args: inputs.update({path: args[0].clone()})

    def after(path):
        def hook(module, args, out):
            x = inputs.pop(path)
            ratio = (x * out).sum((2, 3)) / x.square().sum((2, 3))
            rest = (out - x * ratio[:, :, None, None]).abs().amax((2, 3))
            assert torch.all(rest[ratio.isfinite()] < 1e-3 * (1 + out.abs().max()))
            ratios[path] = ratio

        return hook

    for path in paths:
        module = model.get_submodule(path)
        module.register_forward_pre_hook(before(path))
        module.register_forward_hook(after(path))
    with torch.no_grad():
        model(batch)
    return [ratios[path] for path in paths]


def check(model, side, n_expected):
    batch = images(side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gates of some random networks hardly vary
        blocks = find_se_blocks(model, batch)
    with capture_gates(model, blocks) as capture, torch.no_grad():
        model(batch)
        gates = capture.take(len(batch))

    assert len(blocks) == n_expected
    assert all(block.gate_path is not None for block in blocks)
    # SplitAttn does more than scale; every other block does nothing else.
    if not any("conv2" in block.path for block in blocks):
        expected = gates_by_ratio(model, [block.path for block in blocks], batch)
        widths = [block.channels for block in blocks]
        for got, ratio in zip(gates.split(widths, dim=1), expected, strict=True):
            alive = ratio.isfinite()
            assert alive.float().mean() > 0.2
            torch.testing.assert_close(got[alive], ratio[alive], rtol=1e-4, atol=1e-4)
    # A gate that never moved would pass all of this: most must move.
    spread = (gates[0] - gates[1]).abs()
    assert spread.max() > 1e-4


@pytest.mark.parametrize(("name", "n_blocks"), TIMM.items())
def test_every_block_of_a_timm_network_is_found(name, n_blocks):
    model = random_weights(timm.create_model(name))
    fixed = model.pretrained_cfg.get("fixed_input_size")
    side = NATIVE_SIDE.get(name, 224 if fixed else 96)

    check(model, side, n_blocks)


@pytest.mark.parametrize(("name", "n_blocks"), TORCHVISION.items())
def test_every_block_of_a_torchvision_network_is_found(name, n_blocks):
    options = {"weights_backbone": None} if name.startswith("lraspp") else {}
    model = random_weights(torchvision.models.get_model(name, weights=None, **options))

    check(model, NATIVE_SIDE.get(name, 96), n_blocks)


@pytest.mark.parametrize("name", WITHOUT)
def test_network_without_channel_gates_gives_none(name):
    model = random_weights(timm.create_model(name))

    with pytest.raises(BlockError, match="has no SE blocks"):
        find_se_blocks(model, images(96))

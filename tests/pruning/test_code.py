"""Code and weights beside a checkpoint build the network where se_probe is unknown."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from networks import (
    assert_same_logits,
    blocks_of,
    built,
    logits,
    pictures,
    random_gates,
)
from se_probe.errors import ArchitectureError
from se_probe.pruning import drop_se_blocks, export_code

WITHOUT_SE_PROBE = """
import sys
sys.modules["se_probe"] = None
import torch
from {module} import build
with torch.no_grad():
    torch.save(build()(torch.load("images.pt")), "logits.pt")
"""


def logits_of_code(folder: Path, module: str) -> torch.Tensor:
    """What the code computes for `images.pt`, in a process without se_probe."""
    subprocess.run(
        [sys.executable, "-c", WITHOUT_SE_PROBE.format(module=module)],
        cwd=folder,
        check=True,
        env={"PATH": "", "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
    )
    return torch.load(folder / "logits.pt")


@pytest.mark.parametrize(
    "arch", ["tf_efficientnetv2_b0", "torchvision:mobilenet_v3_small"]
)
def test_the_code_computes_what_the_network_does(arch, tmp_path):
    network = built(arch)
    gates = random_gates(blocks_of(network))
    pruned = drop_se_blocks(network, ["SE_4_*"], "frozen", constants=gates)
    torch.save(pictures(pruned), tmp_path / "images.pt")

    export_code(pruned, tmp_path / "small-net.pt")

    got = logits_of_code(tmp_path, "small_net_model")
    assert_same_logits(got, logits(pruned, pictures(pruned)), 1e-3)


def test_gates_that_stay_as_a_scale_are_a_plain_module(tmp_path):
    network = built("regnety_002")
    block = blocks_of(network)[0]
    gates = {block.path: -random_gates([block])[block.path]}
    pruned = drop_se_blocks(network, [block.name], "frozen", constants=gates)
    torch.save(pictures(pruned), tmp_path / "images.pt")

    export_code(pruned, tmp_path / "small.pt")

    left = pruned.provenance.removed_blocks[0]
    code = (tmp_path / "small_model.py").read_text()
    assert (left["folded_into"] == "scale") == ("class Scale" in code)
    got = logits_of_code(tmp_path, "small_model")
    assert_same_logits(got, logits(pruned, pictures(pruned)), 1e-3)


def test_our_own_networks_are_not_built_without_us(cifar, tmp_path):
    with pytest.raises(ArchitectureError, match="is built by se_probe, so no code"):
        export_code(cifar, tmp_path / "small.pt")

"""Exported files compute what torch does, say what they are, or are not written."""

import json
import re

import pytest
import torch

from networks import assert_same_logits, built, logits, pictures
from se_probe.errors import CheckpointError, MissingPackageError, UsageError
from se_probe.pruning import drop_se_blocks, export_network


@pytest.fixture(scope="module")
def small():
    """A network of which a block is gone, for images of 64 pixels."""
    network = built("mobilenetv3_small_100")
    return drop_se_blocks(network, ["SE_4_1"], "identity")


def onnx_logits(path, images):
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (got,) = session.run(["logits"], {"images": images.numpy()})
    return torch.from_numpy(got)


@pytest.fixture(scope="module")
def onnx_file(small, tmp_path_factory):
    pytest.importorskip("onnxscript")
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    exported = export_network(small, path, pictures(small, 5))
    assert exported.difference < 1e-4
    assert exported.sizes == "any batch, height and width"
    return path


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (7, 3, 64, 64), (2, 3, 96, 128)])
def test_onnx_computes_what_torch_does_for_any_images(shape, small, onnx_file):
    images = torch.randn(shape, generator=torch.Generator().manual_seed(3))

    assert_same_logits(onnx_logits(onnx_file, images), logits(small, images))


def test_onnx_says_what_it_is(small, onnx_file):
    onnx = pytest.importorskip("onnx")

    facts = {p.key: p.value for p in onnx.load(onnx_file).metadata_props}

    assert json.loads(facts["class_names"]) == [str(n) for n in range(10)]
    assert json.loads(facts["preprocessing"]) == json.loads(
        json.dumps(small.preprocessing.as_dict())
    )
    assert json.loads(facts["removed_blocks"])[0]["name"] == "SE_4_1"
    assert facts["architecture"] == "mobilenetv3_small_100"


def test_half_weights_halve_the_file_and_keep_the_logits(small, onnx_file, tmp_path):
    path = tmp_path / "half.onnx"

    export_network(small, path, half=True, opset=18)

    onnx = pytest.importorskip("onnx")
    assert path.stat().st_size < 0.6 * onnx_file.stat().st_size
    assert [o.version for o in onnx.load(path).opset_import if not o.domain] == [18]
    images = pictures(small)
    assert_same_logits(onnx_logits(path, images), logits(small, images), 0.1)


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (3, 3, 96, 64)])
def test_exported_programs_compute_what_torch_does(shape, small, pt2_file):
    images = torch.randn(shape, generator=torch.Generator().manual_seed(3))

    with torch.no_grad():
        got = torch.export.load(pt2_file).module()(images)

    assert_same_logits(got, logits(small, images))


@pytest.fixture(scope="module")
def pt2_file(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("pt2") / "net.pt2"
    export_network(small, path)
    return path


def test_exported_programs_say_what_they_are(pt2_file):
    files = {"removed_blocks": "", "class_names": ""}

    torch.export.load(pt2_file, extra_files=files)

    assert json.loads(files["removed_blocks"])[0]["how"] == "identity"
    assert len(json.loads(files["class_names"])) == 10


def test_a_network_of_one_size_is_exported_for_any_batch(frozen_lenet, tmp_path):
    exported = export_network(frozen_lenet, tmp_path / "net.pt2")

    assert exported.sizes == "any batch"
    images = pictures(frozen_lenet, 5)
    with torch.no_grad():
        got = torch.export.load(exported.path).module()(images)
    assert_same_logits(got, logits(frozen_lenet, images))


def test_onnx_that_computes_something_else_is_not_written(
    frozen_lenet, tmp_path, monkeypatch
):
    pytest.importorskip("onnxscript")
    (tmp_path / "net.onnx").write_text("old")
    monkeypatch.setattr(
        "se_probe.pruning.export.onnx_runner", lambda path: lambda x: torch.ones(2, 10)
    )

    with pytest.raises(CheckpointError, match=r"was not written: .*other logits"):
        export_network(frozen_lenet, tmp_path / "net.onnx", overwrite=True)

    assert (tmp_path / "net.onnx").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_without_its_packages_onnx_names_the_extra(lenet, tmp_path, monkeypatch):
    monkeypatch.setattr("se_probe.pruning.export.find_spec", lambda name: None)

    with pytest.raises(MissingPackageError, match=r"se-probe\[export\]"):
        export_network(lenet, tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("net.tflite", {}, "expected .onnx or .pt2, got 'net.tflite'"),
        ("net.pt2", {"half": True}, "options of ONNX files"),
        ("net.pt2", {"opset": 18}, "options of ONNX files"),
    ],
)
def test_what_cannot_be_exported_is_refused(name, options, message, lenet, tmp_path):
    with pytest.raises(UsageError, match=re.escape(message)):
        export_network(lenet, tmp_path / name, **options)


def test_existing_files_are_not_overwritten(lenet, tmp_path):
    (tmp_path / "net.pt2").touch()

    with pytest.raises(CheckpointError, match="exists already"):
        export_network(lenet, tmp_path / "net.pt2")

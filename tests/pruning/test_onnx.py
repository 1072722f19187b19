"""ONNX files compute what torch does, or are not written."""

import pytest
import torch

from networks import assert_same_logits, logits, pictures
from se_probe.errors import CheckpointError, MissingPackageError
from se_probe.pruning import export_onnx


def test_onnx_computes_what_torch_does_for_any_batch(frozen_lenet, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path / "net.onnx"

    difference = export_onnx(frozen_lenet, path, pictures(frozen_lenet, 5))

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n in (1, 7):
        images = pictures(frozen_lenet, n)
        (got,) = session.run(["logits"], {"images": images.numpy()})
        assert_same_logits(torch.from_numpy(got), logits(frozen_lenet, images))
    assert difference < 1e-5
    with pytest.raises(CheckpointError, match="exists already"):
        export_onnx(frozen_lenet, path)


def test_onnx_that_computes_something_else_is_not_written(
    frozen_lenet, tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    (tmp_path / "net.onnx").write_text("old")
    monkeypatch.setattr(
        "se_probe.pruning.onnx._onnx_logits", lambda path, images: torch.ones(2, 10)
    )

    with pytest.raises(CheckpointError, match=r"was not written: .*other logits"):
        export_onnx(frozen_lenet, tmp_path / "net.onnx", overwrite=True)

    assert (tmp_path / "net.onnx").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_without_its_packages_onnx_names_the_extra(lenet, tmp_path, monkeypatch):
    monkeypatch.setattr("se_probe.pruning.onnx.find_spec", lambda name: None)

    with pytest.raises(MissingPackageError, match=r"se-probe\[export\]"):
        export_onnx(lenet, tmp_path / "net.onnx")

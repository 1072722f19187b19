"""ONNX files are judged, and networks timed, as they are served."""

import random
import warnings
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import silu

from networks import built, flow_network, pictures
from se_probe.class_names import label_set
from se_probe.errors import CheckpointError, SEProbeError, UsageError
from se_probe.evaluation import evaluate, open_onnx, seal_onnx
from se_probe.images import image_sums, open_images
from se_probe.pruning import evaluate_int8, export_network, quantize_onnx, time_runtimes
from se_probe.pruning.runtimes import serve

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A network, its images and its ONNX file."""
    network = built("se_lenet")
    images = open_images("digits", network.preprocessing, per_class=2, batch_size=8)
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    export_network(network, path)
    return network, images, path


def test_an_onnx_file_is_judged_like_its_network(served):
    network, images, path = served

    result = evaluate(open_onnx(path, network), images, against=network, n_timed=1)

    assert result.difference.agreement == 1
    assert result.difference.kl == pytest.approx(0, abs=1e-8)
    assert result.network.top1 == result.against.top1
    assert result.network.checkpoint == "net.onnx"
    assert result.network.macs is None
    assert result.network.parameters == result.against.parameters


def test_an_onnx_file_says_its_classes_and_preprocessing(served):
    network, _, path = served

    opened = open_onnx(path)

    assert opened.preprocessing == network.preprocessing
    assert [label.name for label in opened.class_names] == list("0123456789")


def test_damage_to_an_onnx_file_is_said(served, tmp_path):
    network, images, path = served
    data, rng = path.read_bytes(), random.Random(20)
    expected = open_onnx(path).model(images.batch(0))
    n_said = 0

    for _ in range(60):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (tmp_path / "net.onnx").write_bytes(damaged)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                opened = open_onnx(tmp_path / "net.onnx", network)
            except SEProbeError:
                n_said += 1
                continue
        if heard:
            assert "is not as se_probe exported it" in str(heard[0].message)
            n_said += 1
        else:
            torch.testing.assert_close(opened.model(images.batch(0)), expected)

    assert n_said > 40


@pytest.mark.parametrize("value", ["{", "3", "null", '{"mean": 1}'])
@pytest.mark.parametrize("key", ["preprocessing", "label_set", "removed_blocks"])
def test_metadata_that_make_no_sense_are_one_sentence(served, tmp_path, key, value):
    file = onnx.load(served[2])
    facts = {each.key: each.value for each in file.metadata_props}
    seal_onnx(file, facts | {key: value})
    onnx.save(file, tmp_path / "net.onnx")

    with pytest.raises(SEProbeError) as refused:
        open_onnx(tmp_path / "net.onnx")

    assert "\n" not in str(refused.value)


def test_an_onnx_file_of_an_imagenet_network_knows_wnids(tmp_path):
    network = flow_network(lambda net, x: net.plain(net.se(x)))
    names = label_set(["n01443537", "n02110958", "a", "b"])
    network = replace(network, class_names=names)
    export_network(network, tmp_path / "net.onnx")

    opened = open_onnx(tmp_path / "net.onnx")

    assert opened.class_names.spec == names.spec
    assert opened.class_names[0].wnid == "n01443537"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_int8_files_are_smaller_and_nearly_right(served, tmp_path):
    network, images, path = served

    quantize_onnx(path, tmp_path / "int8.onnx", images.batch(0))

    result = evaluate(
        open_onnx(tmp_path / "int8.onnx"), images, against=network, n_timed=0
    )
    assert (tmp_path / "int8.onnx").stat().st_size < 0.5 * path.stat().st_size
    assert result.difference.agreement >= 0.8
    assert result.difference.kl > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_convolutions_of_an_int8_file_run_on_integers(tmp_path):
    # SiLU uses the output of a convolution twice; signed activations left that in fp32.
    network = flow_network(lambda net, x: net.plain(net.se(silu(net.bn(x)))))
    export_network(network, tmp_path / "net.onnx", any_size=False)

    quantize_onnx(tmp_path / "net.onnx", tmp_path / "int8.onnx", pictures(network))

    kinds = operators_that_run(tmp_path / "int8.onnx")
    assert kinds["QLinearConv"] == 4  # two of them in the SE block
    assert not {"Conv", "FusedConv", "BatchNormalization"} & set(kinds)


def operators_that_run(path):
    """Operators of an ONNX file after ONNX Runtime has chosen its kernels."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path.with_suffix(".optimized.onnx"))
    options.log_severity_level = 3
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    graph = onnx.load(options.optimized_model_filepath).graph
    return Counter(node.op_type for node in graph.node)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_int8_is_judged_on_images_that_gave_no_ranges(served):
    network, _, _ = served
    images = open_images("digits", network.preprocessing, per_class=5)
    ids = images.image_ids

    result = evaluate_int8(network, images)
    seen = {"calibrating": dict.fromkeys(ids[:40], "") | image_sums(images.take({}, 1))}
    provenance = replace(network.provenance, seen_images=seen)
    of_seen = evaluate_int8(replace(network, provenance=provenance), images)

    assert result.n_images == 50 - 32
    assert result.network.checkpoint == "int8.onnx"
    assert 0 < result.difference.kl < 0.1
    assert of_seen.n_images == 40  # the ten whose sums are known gave the ranges


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_runtime_times_both_networks_at_both_batch_sizes(served):
    network, images, _ = served
    runtimes = ("eager", "onnxruntime", "onnxruntime-int8")

    times = time_runtimes([network, network], images, runtimes, n_runs=2)

    assert [(each.runtime, each.batch_size) for each in times] == [
        (runtime, n) for runtime in runtimes for n in (1, 8)
    ]
    for each in times:
        assert len(each.milliseconds) == 2
        assert all(low <= high for low, high in zip(each.low, each.high, strict=True))
    assert [each.precision for each in times[::2]] == ["fp32", "fp32", "int8"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_network_computes_the_same_at_every_batch_size():
    network = flow_network(lambda net, x: net.plain(net.se(x)))

    forward = serve(network, "compile", pictures(network))

    for n in (1, 3):
        images = pictures(network, n)
        with torch.no_grad():
            expected = network.model(images)
            torch.testing.assert_close(forward(images), expected, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_run_is_refused(served, tmp_path):
    network, images, path = served
    (tmp_path / "no.onnx").write_bytes(b"no network")

    with pytest.raises(UsageError, match="a runtime is one of eager"):
        time_runtimes([network], images, ["tflite"])
    with pytest.raises(UsageError, match="which only onnxruntime runs"):
        time_runtimes([open_onnx(path)], images, ["eager"])
    with pytest.raises(CheckpointError, match=r"no\.onnx is no ONNX file"):
        open_onnx(tmp_path / "no.onnx")

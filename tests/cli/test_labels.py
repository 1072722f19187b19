"""Which images, and which output each class is, from the command line."""

import numpy as np
import pytest
from PIL import Image

from se_probe.checkpoints import build_network, save_network
from se_probe.gates import open_gates

NAMES = [str(number) for number in range(1, 11)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name in (f"{split}/{number}" for split in ("fit", "valid") for number in NAMES):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        pixels = rng.integers(0, 256, (28, 28), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / name / "0.png")
    save_network(build_network("se_lenet", seed=1), tmp_path / "net.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SE_PROBE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "pictures"


def recorded(command, *options):
    status, _, err = command(
        *("record", "--ckpt", "net.pt", "--data", "pictures", "--out", "run.zarr"),
        *("--force", *options),
    )
    assert status == 0, err
    gates = open_gates("run.zarr")
    index = gates["class_index"].values.tolist()
    return dict(zip(gates["class_name"].values, index, strict=True)), gates, err


def test_the_rule_and_the_split_are_said_in_a_note_each(folder, command):
    index, gates, err = recorded(command)

    assert index["10"] == 1
    assert gates["image_id"].values[0] == "valid/1/0.png"
    assert "note: valid is taken of the splits fit, valid" in err
    assert "note: The 10 classes of the images are taken as outputs 0 to 9" in err


def test_order_split_and_names_can_be_given(folder, command):
    (folder.parent / "names.json").write_text(str(NAMES).replace("'", '"'))

    by_index, _, _ = recorded(command, "--label-order", "index")
    assert (by_index["3"], by_index["10"]) == (3, -1)
    by_name, gates, _ = recorded(
        command, "--class-names", "names.json", "--split", "fit"
    )
    assert (by_name["3"], by_name["10"]) == (2, 9)
    assert gates["image_id"].values[0] == "fit/1/0.png"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--split", "test1"], "holds fit and valid, but nothing for the split"),
        (["--class-names", "none.txt"], "none.txt holds no class names"),
        (["--label-order", "random"], "random"),
    ],
)
def test_what_does_not_fit_is_one_sentence(folder, command, options, sentence):
    status, out, err = command(
        *(
            "record",
            "--ckpt",
            "net.pt",
            "--data",
            "pictures",
            "--out",
            "x.zarr",
            *options,
        )
    )

    assert status in {1, 2}
    assert out == ""
    assert sentence in err
    assert "Traceback" not in err


def test_plot_records_anew_for_another_order(folder, command):
    for options in ([], ["--label-order", "index"]):
        status, out, err = command(
            *(
                "plot",
                "--ckpt",
                "net.pt",
                "--data",
                "pictures",
                "--figures",
                "profiles",
            ),
            *("--classes", "3,9", "--out", "figures", "--format", "png", *options),
        )
        assert status == 0, err
        assert "recording" in err
        assert "profiles" in out

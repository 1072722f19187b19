"""`se-probe explore`, and the contact sheet of `plot`: what is said and written."""

import socket

import pytest
from PIL import Image

import records
from se_probe.gates import make_gates, save_gates


@pytest.fixture
def record(tmp_path):
    ids = [f"pug/{k}.png" for k in range(6)]
    (tmp_path / "photos" / "pug").mkdir(parents=True)
    for name in ids:
        Image.new("RGB", (20, 10), "red").save(tmp_path / "photos" / name)
    values = {"SE_2_1": [[0.1 * k, 0.5, 0.9] for k in range(6)]}
    save_gates(
        make_gates(values, ["pug"] * 6, image_ids=ids, attrs={"label_set": ["pug"]}),
        tmp_path / "run.zarr",
    )
    return tmp_path / "run.zarr"


def test_a_port_in_use_is_one_sentence(command, record):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        result = command("explore", record, "--port", port, "--no-browser")

    assert result.status == 2
    assert result.stderr.startswith(f"se-probe: port {port} is in use; give another")


def test_the_address_is_printed_where_there_is_no_browser(command, record, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "se_probe.explore.page.PageServer.run", lambda page: page.stop()
    )

    result = command("explore", record, "--port", 0)

    assert result.stdout.startswith("http://127.0.0.1:")
    assert "open this address in a browser" in result.stderr


def test_images_that_moved_are_one_sentence(command, record, tmp_path):
    (tmp_path / "elsewhere").mkdir()

    result = command("explore", record, "--data", tmp_path / "elsewhere")

    assert result.status == 1
    assert "but it does not hold pug/0.png" in result.stderr


def test_a_record_without_images_is_one_sentence(command, tmp_path):
    gates = records.digits_record()
    empty = gates.assign_coords(state=("image", gates["state"].values * 0))
    records.on_disk(empty.isel(image=slice(0, 0)), tmp_path / "empty.zarr", 4)

    result = command("explore", tmp_path / "empty.zarr", "--port", 0, "--no-browser")

    assert result.status == 1
    assert result.stderr.count("\n") == 1


def test_a_contact_sheet_is_drawn_of_named_channels(command, record, tmp_path):
    result = command(
        *("plot", record, "--figures", "extremes", "--channels", "0,2"),
        *("--data", tmp_path / "photos", "--out", tmp_path / "out"),
        *("--format", "png"),
    )

    assert result.status == 0, result.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["extremes.csv", "extremes.png", "extremes.txt"]
    picture = Image.open(tmp_path / "out" / "extremes.png").convert("RGB")
    assert (255, 0, 0) in {colour for _, colour in picture.getcolors(2**24)}


def test_too_many_channels_are_one_sentence(command, tmp_path):
    save_gates(records.resnet50_record(), tmp_path / "run.zarr")

    result = command("plot", tmp_path / "run.zarr", "--figures", "extremes")

    assert result.status == 2
    assert "up to 24 channels" in result.stderr

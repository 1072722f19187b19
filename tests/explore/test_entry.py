"""Ways in: what is refused, and that nobody else is let in."""

import socket
import subprocess
import sys

import pytest
from bokeh.server.util import check_allowlist

import records
from se_probe.errors import (
    GateRecordError,
    ImagesError,
    MissingPackageError,
    UsageError,
)
from se_probe.explore import explore, serve_page


@pytest.fixture
def on_disk(record, tmp_path):
    records.on_disk(record, tmp_path / "run.zarr", 8)
    return tmp_path / "run.zarr"


@pytest.fixture
def page(on_disk):
    made = serve_page(on_disk, port=0)
    yield made
    made.stop()


def test_only_this_machine_and_its_own_page_are_answered(page):
    port = page.url.split(":")[-1].strip("/")

    server = page._server

    assert server.address == "127.0.0.1"
    tornado = server._tornado
    assert check_allowlist(f"127.0.0.1:{port}", tornado.websocket_origins)
    assert not check_allowlist(f"example.org:{port}", tornado.websocket_origins)


def test_a_port_in_use_is_told(on_disk):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(UsageError, match=f"port {port} is in use; give another"):
            serve_page(on_disk, port=port)


def test_a_port_that_there_is_not_is_told(on_disk):
    with pytest.raises(UsageError, match="ports are 0 to 65535"):
        serve_page(on_disk, port=70_000)


def test_the_usual_port_in_use_is_no_problem(on_disk, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        usual = other.getsockname()[1]
        monkeypatch.setattr("se_probe.explore.page._USUAL_PORT", usual)

        page = serve_page(on_disk)

    assert not page.url.endswith(f":{usual}/")
    page.stop()


@pytest.mark.parametrize("missing", ["bokeh", "jupyter_bokeh"])
def test_a_missing_package_names_its_extra(on_disk, monkeypatch, missing):
    monkeypatch.setattr(
        "se_probe.explore.entry.find_spec", lambda name: None if name == missing else 1
    )

    with pytest.raises(MissingPackageError, match=rf"{missing}.*se-probe\[notebook\]"):
        explore(on_disk)


def test_images_that_are_not_those_of_the_record_are_refused(on_disk, tmp_path):
    (tmp_path / "other").mkdir()

    with pytest.raises(ImagesError, match="expected the images of the record in"):
        serve_page(on_disk, tmp_path / "other", port=0)


def test_what_is_no_record_is_refused(tmp_path):
    with pytest.raises(GateRecordError):
        serve_page(tmp_path / "none.zarr", port=0)


def test_exploring_needs_no_torch(on_disk):
    script = (
        "import sys\n"
        "from se_probe.explore import explore\n"
        f"explorer = explore({str(on_disk)!r})\n"
        "explorer.look.select([1, 2])\n"
        "print(explorer.selection.shape, 'torch' in sys.modules)"
    )

    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert run.stdout == "(2, 1888) False\n", run.stderr

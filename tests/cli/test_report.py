"""The command report."""

import records
from se_probe.gates import save_gates


def test_report_writes_one_page_and_prints_its_path(command, tmp_path):
    save_gates(records.digits_record(), tmp_path / "run.zarr")

    done = command("report", tmp_path / "run.zarr", "--out", tmp_path / "page.html")

    assert (done.status, done.stdout) == (0, f"{tmp_path / 'page.html'}\n"), done.stderr
    assert "se-probe report" in (tmp_path / "page.html").read_text("utf-8")


def test_a_folder_is_no_page(command, tmp_path):
    save_gates(records.digits_record(), tmp_path / "run.zarr")

    done = command("report", tmp_path / "run.zarr", "--out", tmp_path)

    assert done.status == 2
    assert "is a folder: give a name in it" in done.stderr

"""The benchmark of large records, on a small one."""

from types import SimpleNamespace

from benchmarks import scale


def test_every_step_is_timed_with_its_peak(tmp_path):
    rows = list(scale.analyses(SimpleNamespace(images=40, classes=4), tmp_path))

    steps = [row["step"] for row in rows]
    assert steps[:2] == ["write 40 x 15104", "class_moments"]
    assert "figure: heatmap of one block" in steps
    assert all(row["seconds"] >= 0 and row["peak_mb"] > 50 for row in rows)

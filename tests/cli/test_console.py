"""Results on stdout, progress on stderr."""

import json

from se_probe.cli.console import print_json, progress_bar


def test_progress_tells_the_rate_of_this_run_alone(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("se_probe.cli.console.time.monotonic", lambda: clock[0])

    with progress_bar("recording") as progress:
        # A resumed run with half of its images.
        for seconds, done in [(5, 500), (25, 600), (30, 650), (45, 1000)]:
            clock[0] = seconds
            progress(done, 1000)

    assert capsys.readouterr().err.splitlines() == [
        "recording: 600 of 1,000 images, 5 per second, 80 s left",
        "recording: 1,000 of 1,000 images, 12 per second",
    ]


def test_json_has_null_where_a_number_is_not_known(capsys):
    print_json({"kl": float("inf"), "rows": [(1, float("nan"))], "n": 3})

    assert json.loads(capsys.readouterr().out) == {
        "kl": None,
        "rows": [[1, None]],
        "n": 3,
    }

"""Progress on stderr."""

from se_probe.cli.console import progress_bar


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

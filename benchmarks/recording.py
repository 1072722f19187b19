"""What recording costs beside the bare network, and beside other ways to get gates.

    python -m benchmarks.recording --out build/recording
    python -m benchmarks.recording --arch test_efficientnet --images 256 --runs 1 \\
        --ways bare,hooks,se_probe --busy --out build/quick

Every measurement is a process of its own, and each one of a way follows one of the bare
network at once, so that both meet the same machine: the ratio is that of the pair. Ways
alternate from round to round. Writes OUT.json and OUT.png. A package that is not
installed is named and left out; `pip install --target DIR captum torchlens nnsight` and
PYTHONPATH=DIR add those without changing the environment.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.machine import check_idle, describe_machine
from benchmarks.ways import MODES, WAYS, Job, version
from se_probe.plots import save
from se_probe.plots.style import COLOURS, house_style

ALL = (*WAYS, *MODES)
SIDES = (500, 375)  # the usual size of a photo in ImageNet


def main() -> None:
    args = parse_arguments()
    load = check_idle(busy=args.busy)
    ways = chosen_ways(args.ways)
    with tempfile.TemporaryDirectory() as folder:
        photos = make_photos(Path(folder) / "photos", args.images + args.batch_size)
        runs, failed = measure_all(args, ways, str(photos))
    result = {
        "machine": describe_machine() | load | {"busy": args.busy},
        "command": "python -m benchmarks.recording " + shlex.join(sys.argv[1:]),
        "settings": {
            name: getattr(args, name)
            for name in ("arch", "images", "batch_size", "runs", "threads", "device")
        },
        "ways": [summary(way, runs[way]) for way in ways if runs[way]],
        "failed": failed,
        "not_installed": [way for way in ALL if version(way) is None],
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    save(figure(result), args.out.with_suffix(".png"))
    print(table(result))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", default="legacy_seresnet50")
    parser.add_argument("--images", type=int, default=256, help="of each measurement")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5, help="pairs of processes")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", help="of se_probe: a number, or auto")
    parser.add_argument("--ways", help=f"of {', '.join(ALL)}; default: all")
    parser.add_argument("--busy", action="store_true", help="on a loaded machine too")
    parser.add_argument("--out", type=Path, default=Path("build/recording"))
    return parser.parse_args()


def chosen_ways(text: str | None) -> list[str]:
    """Ways to measure, without those whose package is not here."""
    asked = [name.strip() for name in text.split(",")] if text else list(ALL)
    unknown = [name for name in asked if name not in ALL]
    if unknown:
        sys.exit(f"no such way: {', '.join(unknown)}; there are {', '.join(ALL)}")
    for name in asked:
        if version(name) is None:
            print(f"{name}: not installed, left out", file=sys.stderr)
    return [name for name in asked if version(name) is not None]


def make_photos(folder: Path, n: int) -> Path:
    """JPEG files of the usual size: smooth noise, as large as photos on disk."""
    rng = np.random.default_rng(0)
    (folder / "class").mkdir(parents=True)
    for number in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        fine = np.asarray(coarse.resize(SIDES, Image.Resampling.BICUBIC), np.int16)
        fine = fine + rng.normal(0, 12, fine.shape).astype(np.int16)
        picture = Image.fromarray(fine.clip(0, 255).astype(np.uint8))
        picture.save(folder / "class" / f"{number:05}.jpg", quality=90)
    return folder


def measure_all(args, ways, photos):
    """Measurements of each way, each with its ratio to the bare run beside it."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    failed: dict[str, str] = {}
    for number in range(args.runs):
        order = ways if number % 2 == 0 else ways[::-1]
        for way in order:
            if way in failed:
                continue
            try:
                plain = measured(args, "bare", photos)
                found = plain if way == "bare" else measured(args, way, photos)
            except RuntimeError as error:
                failed[way] = str(error)
                print(f"{way}: {error}", file=sys.stderr)
                continue
            found["ratio"] = found["images_per_second"] / plain["images_per_second"]
            runs[way].append(found)
            print(
                f"{number + 1}/{args.runs} {way}: {found['images_per_second']:.1f} "
                f"images/s, {found['ratio']:.2f} of bare",
                file=sys.stderr,
            )
    return runs, failed


def measured(args, way: str, photos: str) -> dict[str, float]:
    """One measurement, in a process of its own."""
    job = Job(
        way,
        args.arch,
        args.images,
        args.batch_size,
        args.threads,
        args.device,
        photos,
        int(args.workers) if (args.workers or "").isdecimal() else args.workers,
    )
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.ways"]
    done = subprocess.run(
        [*command, json.dumps(asdict(job))], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise RuntimeError(lines[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def summary(way: str, runs: list[dict[str, float]]) -> dict[str, object]:
    """Median and range of the runs of one way."""
    speeds = [run["images_per_second"] for run in runs]
    ratios = [run["ratio"] for run in runs]
    found: dict[str, object] = {
        "way": way,
        "version": version(way),
        "images_per_second": statistics.median(speeds),
        "low": min(speeds),
        "high": max(speeds),
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "peak_mb": max(run["peak_mb"] for run in runs),
        "setup_seconds": statistics.median(run["setup_seconds"] for run in runs),
        "n_runs": len(runs),
    }
    differences = [run["difference"] for run in runs if "difference" in run]
    if differences:
        found["largest_difference"] = max(differences)
    return found


def table(result) -> str:
    """The results as a table of Markdown."""
    lines = [
        "| | images/s (range) | of bare | peak memory | version |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {each['way']} | {each['images_per_second']:.1f} "
        f"({each['low']:.1f} to {each['high']:.1f}) | {each['ratio']:.2f} | "
        f"{each['peak_mb']:,.0f} MB | {each['version']} |"
        for each in result["ways"]
    ]
    lines += [
        f"| {way} | failed: {why} | | | |" for way, why in result["failed"].items()
    ]
    absent = result["not_installed"]
    return "\n".join(
        [*lines, *([f"\nNot installed: {', '.join(absent)}."] * bool(absent))]
    )


def figure(result) -> Figure:
    """Images per second of each way as bars, with the range of the runs."""
    ways = result["ways"]
    names = [each["way"] for each in ways]
    speeds = np.array([each["images_per_second"] for each in ways])
    low = speeds - [each["low"] for each in ways]
    high = [each["high"] for each in ways] - speeds
    is_own = [name in MODES for name in names]
    settings, machine = result["settings"], result["machine"]
    with house_style():
        fig = Figure((7.0, 1.05 + 0.24 * len(names)), layout="constrained")
        ax = fig.subplots()
        ax.barh(
            names,
            speeds,
            color=[COLOURS[0] if own else "0.7" for own in is_own],
            xerr=np.array([low, high]),
            error_kw={"linewidth": 0.8},
            height=0.7,
        )
        reach = max(each["high"] for each in ways)
        for at, each in enumerate(ways):
            text = f"{each['images_per_second']:.1f} ({each['ratio']:.2f} of bare)"
            ax.text(each["high"] + 0.015 * reach, at, text, va="center", fontsize=7)
        ax.set_xlim(0, 1.3 * reach)
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        ax.set_xlabel(
            "images per second, median and range of the runs\n"
            "(grey: pixels from memory; blue: reads JPEG files, writes the record)"
        )
        state = ", busy machine: not to be quoted" if machine["busy"] else ""
        ax.set_title(
            f"{settings['arch']}, batches of {settings['batch_size']}, "
            f"{settings['device']}{state}",
            loc="left",
        )
    return fig


if __name__ == "__main__":
    main()

"""What grows with images, processes and channels, and what a large record costs.

    python -m benchmarks.scale recording --out build/scale_recording.json
    python -m benchmarks.scale analysis --out build/scale_analysis.json
    python -m benchmarks.scale analysis --images 5000 --classes 100 --busy

`recording` times whole recordings of `scenes`: with more images, with several processes
on one record, with networks of more channels. `analysis` generates a record as large as
the ImageNet validation set through SE-ResNet-50 (50,000 x 15,104, 3 GB in a temporary
folder, see --folder) and times each statistic, view and figure. The peak of memory is
that of one step on Linux, and of all steps so far elsewhere.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.generated import generate_record
from benchmarks.machine import check_idle, describe_machine, peak_memory, reset_peak
from se_probe import plots, stats, views
from se_probe.gates import open_gates

# Narrow to wide; the number of channels is in the result.
ARCHITECTURES = ("test_efficientnet", "legacy_seresnet18", "legacy_seresnet50")
BLOCK, CLASSES = "SE_4_6", ["class 0", "class 1"]
# One process of several on one record: `python -c RECORD OUT ARCH PER_CLASS THREADS`.
RECORD = """
import sys, time
from pathlib import Path
from benchmarks.machine import peak_memory
from se_probe.checkpoints import build_network
from se_probe.images import open_images
from se_probe.record import record_gates

out, arch = sys.argv[1:3]
per_class, threads = map(int, sys.argv[3:])
network = build_network(arch, num_classes=10)
images = open_images("scenes", network.preprocessing, per_class=per_class)
began = time.perf_counter()
gates = record_gates(network, images, out=Path(out), threads=threads)
print(len(images), gates.sizes["channel"], time.perf_counter() - began, peak_memory())
"""


def main() -> None:
    args = parse_arguments()
    load = check_idle(busy=args.busy)
    rows = []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        measures = recordings if args.what == "recording" else analyses
        for row in measures(args, Path(folder)):
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            rows.append(row)
    result = {
        "machine": describe_machine() | load | {"busy": args.busy},
        "command": "python -m benchmarks.scale " + shlex.join(sys.argv[1:]),
        "rows": rows,
    }
    out = args.out or Path(f"build/scale_{args.what}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("recording", "analysis"))
    parser.add_argument("--images", type=int, help="default: 1,280; analysis 50,000")
    parser.add_argument("--classes", type=int, default=1_000, help="of analysis")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument(
        "--arch", default="test_efficientnet", help="for images, processes"
    )
    parser.add_argument("--folder", type=Path, help="for the records; default: TMPDIR")
    parser.add_argument("--busy", action="store_true", help="on a loaded machine too")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def recordings(args, folder: Path) -> Iterator[dict[str, object]]:
    """Rows for images, processes and channels."""
    n = args.images or 1_280
    for share in (8, 4, 2, 1):
        yield recorded(folder / f"images{share}", args.arch, n // share, 1, 1)
    for n_processes in range(2, args.processes + 1):
        yield recorded(folder / f"p{n_processes}", args.arch, n, n_processes, 1)
    for arch in ARCHITECTURES:
        yield recorded(folder / arch, arch, max(10, n // 16), 1, 1)


def recorded(
    out: Path, arch: str, n_images: int, n_processes: int, threads: int
) -> dict[str, object]:
    """One recording, by processes that share it; the slowest one's seconds count."""
    command = [sys.executable, "-W", "ignore", "-c", RECORD]
    facts = [str(out), arch, str(max(1, n_images // 10)), str(threads)]
    processes = [
        subprocess.Popen(
            [*command, *facts],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"RANK": str(rank), "WORLD_SIZE": str(n_processes)},
        )
        for rank in range(n_processes)
    ]
    answers = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit(f"a process of {arch} failed")
    numbers = [[float(word) for word in answer.split()] for answer in answers]
    seconds = max(each[2] for each in numbers)
    return {
        "arch": arch,
        "images": int(numbers[0][0]),
        "channels": int(numbers[0][1]),
        "processes": n_processes,
        "seconds": round(seconds, 2),
        "images_per_second": round(numbers[0][0] / seconds, 1),
        "peak_mb_of_one": round(max(each[3] for each in numbers)),
    }


def analyses(args, folder: Path) -> Iterator[dict[str, object]]:
    """A row for each statistic, view and figure of a generated record."""
    path = folder / "generated.zarr"
    seconds = timed(lambda: generate_record(path, args.images or 50_000, args.classes))
    record = open_gates(path)
    yield {
        "step": f"write {record.sizes['image']} x {record.sizes['channel']}"
    } | seconds
    made: dict[str, object] = {}
    for name, step in analysis_steps(record, made).items():
        yield {"step": name} | timed(step)


def analysis_steps(record, made) -> dict[str, Callable[[], object]]:
    """What is done to a record, in order; later steps use what earlier ones `made`."""

    def keep(name: str, make: Callable[[], object]) -> Callable[[], object]:
        return lambda: made.update({name: make()})

    return {
        "class_moments": keep("moments", lambda: stats.class_moments(record)),
        "variance_shares": lambda: stats.variance_shares(made["moments"]),
        "input_dependence": lambda: stats.input_dependence(made["moments"]),
        "saturation": lambda: stats.saturation(record),
        "separability": lambda: stats.separability(record, made["moments"]),
        "channel_table": lambda: stats.channel_table(record),
        "block_summary": lambda: stats.block_summary(record),
        "view: class_profiles": keep(
            "profiles",
            lambda: views.class_profiles(
                made["moments"], classes=CLASSES, blocks=[BLOCK]
            ),
        ),
        "figure: profiles": lambda: plots.figure_profiles(made["profiles"]),
        "view: depth_profile": keep(
            "depth", lambda: views.depth_profile(record, made["moments"])
        ),
        "figure: depth": lambda: plots.figure_depth(made["depth"]),
        "view: sorted_rows of one block": keep(
            "rows", lambda: views.sorted_rows(record, blocks=[BLOCK])
        ),
        "figure: heatmap of one block": lambda: plots.figure_heatmaps(made["rows"]),
    }


def timed(step: Callable[[], object]) -> dict[str, object]:
    """Seconds, and peak resident memory in MB."""
    reset_peak()
    start = time.perf_counter()
    step()
    return {
        "seconds": round(time.perf_counter() - start, 2),
        "peak_mb": round(peak_memory()),
    }


if __name__ == "__main__":
    main()

"""Peak memory and seconds of every statistic on a gate record on disk.

By default as large as the ImageNet validation set through SE-ResNet-50:

    python benchmarks/stats_memory.py --out stats_memory.zarr

The record takes 4 bytes per gate (3 GB by default) and is deleted at the end. Images
lie in random order, so that each batch holds many classes: the hard case. Linux only:
the peak is read from, and reset in, /proc/self.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from se_probe import stats
from se_probe.gates import create_record, open_gates, remove_record, write_batch

# Name, channels and number of the blocks of SE-ResNet-50, stage by stage.
STAGES = {2: (256, 3), 3: (512, 4), 4: (1024, 6), 5: (2048, 3)}
BATCH_SIZE = 64


def main() -> None:
    args = parse_arguments()
    seconds, _ = measured(lambda: make_record(args.out, args.images, args.classes))
    try:
        record = open_gates(args.out)
        print(f"{record.sizes['image']} x {record.sizes['channel']} gates,", end=" ")
        print(f"{args.classes} classes, written in {seconds:.1f} s")
        print(f"{'':20}{'seconds':>10}{'peak MB':>10}")
        report(record)
    finally:
        remove_record(args.out)


def report(record: xr.DataArray) -> None:
    """Measure each statistic; the moments stay in memory while the others run."""
    print_row("(imports, record)", 0.0, resident("VmRSS"))
    moments: list[xr.Dataset] = []
    steps: dict[str, Callable[[], object]] = {
        "class_moments": lambda: moments.append(stats.class_moments(record)),
        "reference_curve": lambda: stats.reference_curve(moments[0]),
        "variance_shares": lambda: stats.variance_shares(moments[0]),
        "input_dependence": lambda: stats.input_dependence(moments[0]),
        "saturation": lambda: stats.saturation(record),
        "separability": lambda: stats.separability(record, moments[0]),
        "channel_table": lambda: stats.channel_table(record),
        "block_summary": lambda: stats.block_summary(record),
    }
    for name, step in steps.items():
        print_row(name, *measured(step))


def measured(step: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and peak resident memory in MB."""
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
    start = time.perf_counter()
    step()
    return time.perf_counter() - start, resident("VmHWM")


def resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(field))
    return int(kilobytes) * 1024 / 1e6


def make_record(out: Path, n_images: int, n_classes: int) -> None:
    rng = np.random.default_rng(0)
    class_index = rng.permutation(np.arange(n_images) % n_classes)
    blocks = [
        {"name": f"SE_{stage}_{number}", "stage": stage, "channels": channels}
        for stage, (channels, n_blocks) in STAGES.items()
        for number in range(1, n_blocks + 1)
    ]
    rows = {
        "image_id": [f"{i:05}" for i in range(n_images)],
        "class_name": [f"class {k}" for k in class_index],
        "wnid": [f"n{k:08}" for k in class_index],
        "class_index": class_index,
    }
    group = create_record(
        out, blocks=blocks, rows=rows, batch_size=BATCH_SIZE, attrs={}
    )
    n_channels = sum(int(block["channels"]) for block in blocks)
    effect = rng.standard_normal((n_classes, n_channels), dtype=np.float32)
    for number, start in enumerate(range(0, n_images, BATCH_SIZE)):
        classes = class_index[start : start + BATCH_SIZE]
        noise = rng.standard_normal((len(classes), n_channels), dtype=np.float32)
        gates = 1 / (1 + np.exp(-0.3 * effect[classes] - noise))
        state = np.ones(len(classes), np.uint8)
        write_batch(group, number, gates, np.full(len(classes), -1), state)


def print_row(name: str, seconds: float, peak: float) -> None:
    print(f"{name:20}{seconds:10.1f}{peak:10.0f}", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--out", type=Path, required=True, help="a path not there yet")
    return parser.parse_args()


if __name__ == "__main__":
    main()

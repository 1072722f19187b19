"""Gate records made by code that several tests share."""

from pathlib import Path

import numpy as np
import xarray as xr

from se_probe.class_names import imagenet_labels
from se_probe.gates import (
    State,
    block_facts,
    create_record,
    make_gates,
    open_gates,
    write_batch,
)
from se_probe.stats import class_moments

RESNET50 = {2: 3, 3: 4, 4: 6, 5: 3}
PAPERS_CLASSES = ["goldfish", "pug", "plane", "cliff"]


def block_facts_of(stages: dict[int, int]) -> list[dict]:
    """Name and stage of each block, from how many blocks each stage has."""
    return [
        {"name": f"SE_{stage}_{number}", "stage": stage}
        for stage, n_blocks in stages.items()
        for number in range(1, n_blocks + 1)
    ]


def gates_of(class_sizes, widths, seed=0):
    """Gates in (0, 1), with classes that differ more from block to block."""
    rng = np.random.default_rng(seed)
    class_of = rng.permutation(np.repeat(np.arange(len(class_sizes)), class_sizes))
    gates = {}
    for depth, (block, width) in enumerate(widths.items(), start=1):
        channel, per_class = (
            rng.normal(size=width),
            rng.normal(size=(len(class_sizes), width)),
        )
        noise = 0.5 * rng.normal(size=(len(class_of), width))
        level = channel + depth / len(widths) * per_class[class_of] + noise
        gates[block] = 1 / (1 + np.exp(-level))
    return gates, class_of


def imagenet_record(indices, class_sizes, widths, seed=0) -> xr.DataArray:
    """Record of some ImageNet classes."""
    labels = imagenet_labels()
    gates, class_of = gates_of(class_sizes, widths, seed)
    chosen = [labels[indices[k]] for k in class_of]
    return make_gates(
        gates,
        [label.name for label in chosen],
        wnids=[label.wnid for label in chosen],
        class_index=[label.index for label in chosen],
        attrs={"label_set": "imagenet-1k"},
    )


def resnet50_record() -> xr.DataArray:
    """SE-ResNet-50's blocks, an eighth as wide; five classes of unequal size."""
    widths = {f["name"]: 2 ** (3 + f["stage"]) for f in block_facts_of(RESNET50)}
    return imagenet_record([1, 254, 404, 972, 0], [6, 5, 7, 4, 1], widths)


def digits_record() -> xr.DataArray:
    """One block of 16 channels, as in SE-LeNet; ten classes of ten images."""
    gates, class_of = gates_of([10] * 10, {"SE_2_1": 16})
    names = [str(k) for k in class_of]
    return make_gates(gates, names, attrs={"label_set": [str(k) for k in range(10)]})


def many_classes(n, n_images=2, channels=12) -> xr.Dataset:
    """Moments of many classes in one block."""
    gates, class_of = gates_of([n_images] * n, {"SE_2_1": channels})
    return class_moments(make_gates(gates, [f"class {k:04}" for k in class_of]))


def one_channel(*groups):
    """Record of one block of one channel; one list of gates per class a, b, c, ..."""
    names = [name for name, group in zip("abcdef", groups, strict=False) for _ in group]
    values = np.concatenate(groups)[:, None]
    return make_gates({"SE_2_1": values}, names)


def noisy_gates(sizes, effect, channels=(8, 16), seed=0):
    """Record of gates around 0.5; classes of these sizes differ by `effect`."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    values = {
        f"SE_2_{block}": 0.5
        + effect * rng.normal(size=(len(sizes), width))[rows]
        + 0.05 * rng.normal(size=(len(rows), width))
        for block, width in enumerate(channels, 1)
    }
    return make_gates(values, [f"class {k:02}" for k in rows])


def shuffled(record, seed=0):
    """The same gates under other images' labels."""
    order = np.random.default_rng(seed).permutation(record.sizes["image"])
    names = record["class_name"].values[order]
    index = record["class_index"].values[order]
    return record.assign_coords(
        class_name=("image", names), class_index=("image", index)
    )


def damaged(record):
    """The record with every 5th row skipped and every 7th NaN, and its intact rows."""
    position = np.arange(record.sizes["image"])
    state = np.full(len(position), State.RECORDED, np.uint8)
    state[position % 5 == 0] = State.SKIPPED
    state[position % 7 == 0] = State.NAN
    intact = state == State.RECORDED
    whole = record.where(xr.DataArray(intact, dims="image"))
    return whole.assign_coords(state=("image", state)), record.isel(image=intact)


def on_disk(record, path, batch_size):
    """The record, written to disk in batches and opened again."""
    names = ("image_id", "class_name", "wnid", "class_index")
    rows = {name: record[name].values for name in names}
    attrs = {name: value for name, value in record.attrs.items() if name != "blocks"}
    group = create_record(
        path,
        blocks=block_facts(record),
        rows=rows,
        batch_size=batch_size,
        attrs=attrs,
    )
    for number, start in enumerate(range(0, record.sizes["image"], batch_size)):
        part = record.isel(image=slice(start, start + batch_size))
        write_batch(
            group, number, part.values, part["predicted"].values, part["state"].values
        )
    return open_gates(path)


def with_squeeze(folder: Path) -> tuple[xr.DataArray, np.ndarray]:
    """Record of 40 images, and its squeeze: gates follow it, oppose it, ignore it."""
    rng = np.random.default_rng(0)
    squeeze = rng.normal(size=(40, 7)).astype(np.float32)
    share = np.array([1, -1, 0.8, 0.3, 0.0, -0.2, 0.0])
    noise = rng.normal(size=(40, 7)) * np.sqrt(1 - share**2)
    values = 0.5 + 0.1 * (share * squeeze + noise)
    values[:, -1] = 0.5  # the last of the four of SE_3_1 is constant
    gates = make_gates(
        {"SE_2_1": values[:, :3], "SE_3_1": values[:, 3:]}, ["pug", "cliff"] * 20
    )
    return beside(gates, squeeze, folder / "with_squeeze.zarr"), squeeze


def beside(gates: xr.DataArray, squeeze: np.ndarray, path: Path) -> xr.DataArray:
    """A record on disk with some gates and the squeeze of each."""
    names = ("image_id", "class_name", "wnid", "class_index")
    group = create_record(
        path,
        blocks=gates.attrs["blocks"],
        rows={name: gates[name].values.tolist() for name in names},
        batch_size=8,
        attrs={},
        context=["squeeze"],
    )
    for number in range(5):
        rows = slice(8 * number, 8 * number + 8)
        state = np.ones(8, np.uint8)
        own = {"squeeze": squeeze[rows]}
        write_batch(group, number, gates.values[rows], np.full(8, -1), state, own)
    return open_gates(path)

"""A gate record of any size, generated: made of classes and noise, by no network."""

from pathlib import Path

import numpy as np

from se_probe.gates import create_record, write_batch

__all__ = ["STAGES", "generate_record"]

# Channels and number of the blocks of SE-ResNet-50, stage by stage: 15,104 channels.
STAGES = {2: (256, 3), 3: (512, 4), 4: (1024, 6), 5: (2048, 3)}
BATCH_SIZE = 64


def generate_record(out: Path, n_images: int, n_classes: int) -> None:
    """Write a record with the blocks of SE-ResNet-50.

    Images lie in random order, so that each batch holds many classes: the hard case.
    """
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

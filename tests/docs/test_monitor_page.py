"""The code of docs/monitor.md runs as it is printed."""

import re
import sys
import types
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from networks import TinyNet
from train_together import batches

PAGE = Path(__file__).parents[2] / "docs" / "monitor.md"
LOOP, TENSORBOARD, WANDB, CALLBACK, TRAINER, *_ = re.findall(
    r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return TinyNet().train()


def test_the_loop_logs_every_hundred_batches(model):
    told = []
    images = batches(1)[0]
    labels = torch.arange(len(images)) % 4
    names = {
        "model": model,
        "images": images,
        "log": lambda *each: told.append(each),
        "loader": [(images, labels)] * 100,
        "functional": functional,
        "optimizer": torch.optim.SGD(model.parameters(), 0.01),
    }

    exec(LOOP, names)

    ((numbers, step),) = told
    assert step == 100
    assert "gates/SE_3_1/input_dependence" in numbers


def test_the_loggers_take_every_number():
    written = {}
    writer = types.SimpleNamespace(
        add_scalar=lambda name, value, step: written.update({name: (value, step)})
    )
    run = types.SimpleNamespace(
        log=lambda numbers, step: written.update(numbers, step=step)
    )
    for text, names in ((TENSORBOARD, {"writer": writer}), (WANDB, {"run": run})):
        exec(text, names)
        names["log"]({"gates/SE_2_1/mean": 0.5}, 3)

    assert written == {"gates/SE_2_1/mean": 0.5, "step": 3}


def test_the_callback_watches_and_lets_go(model, monkeypatch):
    """With what it needs of Lightning; the real one gives the same calls."""
    stand_in = types.ModuleType("lightning")
    stand_in.Callback = object
    monkeypatch.setitem(sys.modules, "lightning", stand_in)
    names, told = {}, []
    exec(CALLBACK, names)
    callback = names["WatchGates"](every=2)
    logger = types.SimpleNamespace(
        log_metrics=lambda metrics, step: told.append((metrics, step))
    )
    trainer = types.SimpleNamespace(world_size=1, logger=logger)
    module = types.SimpleNamespace(network=model)

    for number, pixels in enumerate(batches(4)):
        callback.on_train_batch_start(trainer, module, (pixels, None), number)
        model(pixels)
    callback.on_exception(trainer, module, KeyboardInterrupt())
    callback.teardown(trainer, module, "fit")

    assert [step for _, step in told] == [2, 4]
    assert not any(m._forward_hooks for m in model.modules())
    assert "WatchGates" in TRAINER

"""How many processes read images ahead."""

import time

import pytest
import torch
from torch.utils.data import Dataset

from se_probe.images import Preprocessing, open_images, reading
from se_probe.images.reading import enough_workers


@pytest.mark.parametrize(
    ("reading_s", "using_s", "n_batches", "n_workers"),
    [
        (0.1, 0.5, 1000, 0),  # the network is slower than one core reads
        (0.5, 0.26, 1000, 2),
        (0.5, 0.1, 10, 5),
        (0.5, 0.0, 1000, 8),  # as many as there are processors
        (0.5, 0.0, 6, 6),  # none without a batch
        (0.1, 0.01, 20, 0),  # two seconds of reading are not worth a process
    ],
)
def test_workers_keep_up_with_the_network(
    monkeypatch, reading_s, using_s, n_batches, n_workers
):
    monkeypatch.setattr(reading, "_n_processors", lambda: 8)

    assert enough_workers(reading_s, using_s, n_batches) == n_workers


class SlowToRead(Dataset):
    """Twenty samples, each of which takes a while and knows who read it."""

    def __len__(self):
        return 20

    def __getitem__(self, number):
        time.sleep(0.01)
        worker = torch.utils.data.get_worker_info()
        return torch.tensor([number, -1 if worker is None else worker.id]).float(), 0


def test_processes_start_once_the_first_batches_have_shown_that_they_pay(monkeypatch):
    monkeypatch.setattr(reading, "_WORTH_STARTING", 0.01)
    monkeypatch.setattr(reading, "_n_processors", lambda: 2)
    images = open_images(
        SlowToRead(), Preprocessing((2,), mean=(), std=()), batch_size=2, workers="auto"
    )

    rows = torch.cat([batch.pixels for batch in images.batches(range(10))])

    assert rows[:, 0].tolist() == list(range(20))
    assert (rows[:6, 1] == -1).all()
    assert set(rows[6:, 1].tolist()) == {0, 1}


def test_a_slow_network_gets_no_processes(monkeypatch):
    monkeypatch.setattr(reading, "_WORTH_STARTING", 0.01)
    images = open_images(
        SlowToRead(), Preprocessing((2,), mean=(), std=()), batch_size=2, workers="auto"
    )

    who = []
    for batch in images.batches(range(5)):
        who += batch.pixels[:, 1].tolist()
        time.sleep(0.2)

    assert set(who) == {-1}

"""Steps of a training, alone or in several processes that find them by import."""

import os

import torch
from torch import nn
from torch.nn import functional

from networks import TinyNet
from se_probe.monitor import GateMonitor

N_CLASSES = 4


def batches(n=4, size=6):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(size, 3, 16, 16, generator=generator) for _ in range(n)]


def step(model, pixels):
    labels = torch.arange(len(pixels)) % N_CLASSES
    functional.cross_entropy(model(pixels), labels).backward()


def frozen_norms(model):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.Dropout):
            module.eval()
    return model


def train_as_rank(rank: int, folder: str, n_ranks: int):
    """One of several processes that train together."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "USE_LIBUV": "0"}
    store = torch.distributed.FileStore(f"{folder}/store", n_ranks)
    torch.distributed.init_process_group(
        "gloo", store=store, rank=rank, world_size=n_ranks
    )
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(frozen_norms(TinyNet().train()))
    told = []
    mine = batches()[rank::n_ranks]
    with GateMonitor(model, mine[0], lambda *each: told.append(each), every=2):
        for pixels in mine:
            step(model, pixels)
    # A framework holds the wrapped model; what is watched is the network in it.
    part, told_of_part, world = model.module, [], torch.distributed.group.WORLD
    with GateMonitor(
        part, mine[0], lambda *e: told_of_part.append(e), every=2, group=world
    ):
        for pixels in mine:
            part(pixels)
    torch.save([told, told_of_part], f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()

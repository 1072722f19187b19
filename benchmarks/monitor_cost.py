"""What watching the gates costs while a network trains.

    python benchmarks/monitor_cost.py

Steps with and without :class:`~se_probe.monitor.GateMonitor` take turns in one process,
so that both meet the same machine; the numbers are medians over the steps. Seconds of
the CPU are those of this process in all its threads, and so hardly change while others
work on the same machine.
"""

import argparse
import statistics
import time
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from se_probe.models import create_model
from se_probe.monitor import GateMonitor


def main() -> None:
    args = parse_arguments()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads or torch.get_num_threads())
    model = create_model(args.arch, 100).train().to(args.device)
    pixels = torch.randn(args.batch_size, 3, args.side, args.side, device=args.device)
    labels = torch.randint(100, (args.batch_size,), device=args.device)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    monitor = GateMonitor(model, pixels[:2], lambda *_: None, every=args.every)

    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for number in range(2 * args.steps + 4):
        watched = number % 2 == 1
        with monitor if watched else nullcontext():
            seconds = timed_step(model, optimizer, pixels, labels)
        if number >= 4:  # the first ones warm up
            found[watched].append(seconds)
    report(found)


def timed_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, pixels: Tensor, labels: Tensor
) -> tuple[float, float]:
    """Seconds of the clock and of the CPU that a step takes."""
    clock, cpu = time.perf_counter(), time.process_time()
    optimizer.zero_grad()
    functional.cross_entropy(model(pixels), labels).backward()
    optimizer.step()
    if pixels.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - clock, time.process_time() - cpu


def report(found: dict[bool, list[tuple[float, float]]]) -> None:
    """Print medians, and what watching adds."""
    for name, column in (("clock", 0), ("cpu", 1)):
        plain, watched = (
            statistics.median(step[column] for step in found[which])
            for which in (False, True)
        )
        added = 100 * (watched / plain - 1)
        print(f"{name}: {plain:.4f} s, watched {watched:.4f} s: {added:+.2f} %")
    added = sorted(
        100 * (watched[1] / plain[1] - 1)
        for plain, watched in zip(found[False], found[True], strict=True)
    )
    quarter = len(added) // 4
    print(
        f"cpu, pairs of steps: median {statistics.median(added):+.2f} %, middle half "
        f"{added[quarter]:+.2f} to {added[-quarter - 1]:+.2f} % of {len(added)} pairs"
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="se_resnet50")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()

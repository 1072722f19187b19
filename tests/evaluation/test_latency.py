"""Networks and blocks are timed alternately and apart."""

from dataclasses import replace

import numpy as np
import torch

from se_probe.evaluation import block_milliseconds, median_milliseconds


def test_networks_are_timed_by_turns():
    order = []

    times = median_milliseconds(
        [lambda x: order.append("a"), lambda x: order.append("b")], torch.zeros(1), 2
    )

    assert "".join(order) == "abba" * 2  # two rounds of warm-up
    assert len(times) == 2


def test_blocks_are_timed_where_they_have_a_module(network, tiny_images, blocks):
    inlined = replace(blocks[1], path="layer2.0")

    times = block_milliseconds(
        network.model, [blocks[0], inlined], tiny_images.batch(0), n_runs=2
    )

    assert times["SE_2_1"] > 0
    assert np.isnan(times["SE_3_1"])

"""Pinned numerics."""

import pytest
import torch

from se_probe.running import pinned_numerics, served_numerics


def _flags():
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
        cudnn.allow_tf32,
        matmul.allow_tf32,
        torch.get_num_threads(),
    )


def test_flags_are_pinned_inside_and_back_after_an_error():
    before = _flags()

    def body():
        with pinned_numerics(threads=1):
            assert _flags() == (True, False, True, False, False, False, 1)
            raise RuntimeError("body")

    with pytest.raises(RuntimeError, match="body"):
        body()

    assert _flags() == before


def test_an_inner_context_keeps_the_threads_of_the_outer_one():
    with pinned_numerics(threads=2), pinned_numerics() as n_threads:
        assert n_threads == torch.get_num_threads() == 2


def test_networks_are_timed_as_they_are_served_also_where_numerics_are_pinned():
    with pinned_numerics():
        with served_numerics():
            assert not torch.are_deterministic_algorithms_enabled()
            assert torch.backends.cudnn.benchmark

        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark

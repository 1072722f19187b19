"""Ranks from torchrun, from Slurm and from a part that was typed."""

import pytest

from se_probe.errors import UsageError
from se_probe.running import local_rank, parse_part, rank_and_world

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "SLURM_NTASKS")
NAMES += ("SLURM_LOCALID", "SLURM_STEP_ID")


@pytest.fixture
def environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)

    def set_all(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return set_all


def test_a_process_that_nobody_started_is_alone(environment):
    assert rank_and_world() == (0, 1)
    assert local_rank() is None


def test_torchrun_says_the_rank(environment):
    environment(RANK=5, WORLD_SIZE=8, LOCAL_RANK=1, SLURM_PROCID=0, SLURM_NTASKS=2)

    assert rank_and_world() == (5, 8)
    assert local_rank() == 1


def test_srun_says_the_rank(environment):
    environment(SLURM_PROCID=0, SLURM_NTASKS=4, SLURM_LOCALID=0, SLURM_STEP_ID=3)
    assert rank_and_world() == (0, 4)
    assert local_rank() == 0

    environment(SLURM_PROCID=3, SLURM_LOCALID=1)
    assert rank_and_world() == (3, 4)
    assert local_rank() == 1


def test_a_batch_script_is_alone(environment):
    environment(SLURM_PROCID=0, SLURM_NTASKS=4, SLURM_LOCALID=0)

    assert rank_and_world() == (0, 1)
    assert local_rank() is None


def test_a_part_is_shared_by_the_processes_that_do_it(environment):
    assert rank_and_world((3, 8)) == (2, 8)
    environment(RANK=1, WORLD_SIZE=2)
    assert rank_and_world((3, 8)) == (5, 16)


@pytest.mark.parametrize("text", ["3/8", " 3 / 8 "])
def test_a_part_is_read(text):
    assert parse_part(text) == (3, 8)


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/", "a/b", "-1/2", "1/0"])
def test_parts_that_make_no_sense_are_refused(text):
    with pytest.raises(UsageError, match=r"K/N with K from 1 to N.*got"):
        parse_part(text)


@pytest.mark.parametrize("values", [{"RANK": "x"}, {"RANK": 2, "WORLD_SIZE": 2}])
def test_ranks_that_make_no_sense_are_refused(environment, values):
    environment(**values)

    with pytest.raises(UsageError, match="RANK"):
        rank_and_world()


def test_a_part_beyond_all_is_refused(environment):
    with pytest.raises(UsageError, match="got 9 of 8"):
        rank_and_world((9, 8))

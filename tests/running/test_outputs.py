"""Which of a network's outputs is taken for the class scores."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from se_probe.running import class_scores, describe_output

SCORES = torch.arange(20.0).reshape(2, 10)
EMBEDDING = torch.zeros(2, 512)
FEATURE_MAP = torch.zeros(2, 10, 7, 7)
Named = namedtuple("Named", ["aux", "logits"])


@dataclass
class ModelOutput:
    loss: Tensor | None
    pooled: Tensor
    logits: Tensor | None = None


class DictOutput(OrderedDict):
    """As Transformers has them: a dict that is a dataclass too."""


@pytest.mark.parametrize(
    "output",
    [
        SCORES,
        (SCORES,),
        [SCORES],
        (EMBEDDING, SCORES),
        (FEATURE_MAP, EMBEDDING, SCORES),
        {"features": FEATURE_MAP, "head": SCORES},
        {"embedding": EMBEDDING, "heads": [(FEATURE_MAP, SCORES)]},
        (EMBEDDING, None, "text", 3, (SCORES, torch.zeros(2, 10))),
        Named(aux=EMBEDDING, logits=SCORES),
        ModelOutput(loss=None, pooled=EMBEDDING, logits=SCORES),
        DictOutput(loss=torch.tensor(0.5), logits=SCORES, hidden=(FEATURE_MAP,)),
    ],
)
def test_the_tensor_as_wide_as_there_are_classes_is_taken(output):
    assert class_scores(output, 10) is SCORES


@pytest.mark.parametrize(
    "output",
    [
        Named(aux=torch.zeros(2, 10), logits=SCORES),
        {"aux": torch.zeros(2, 10), "out": SCORES},
        {"out": torch.zeros(2, 10), "logits": SCORES},
        {"first": torch.zeros(2, 10), "out": {"head": SCORES}},
        (torch.zeros(2, 10), {"logits": (SCORES,)}),
    ],
)
def test_a_name_goes_before_the_order(output):
    assert class_scores(output, 10) is SCORES
    assert class_scores(output) is SCORES


def test_a_name_does_not_make_up_for_another_width():
    output = {"logits": torch.zeros(2, 4), "head": SCORES}

    assert class_scores(output, 10) is SCORES


@pytest.mark.parametrize(
    "output",
    [
        None,
        [],
        {},
        "text",
        torch.tensor(3.0),
        torch.zeros(10),  # one number per image
        EMBEDDING,
        FEATURE_MAP,
        {"out": torch.zeros(2, 10, 64, 64)},  # segmentation
        (torch.zeros(2, 100, 10), torch.zeros(2, 100, 4)),  # detection
        torch.zeros(2, 10, dtype=torch.int64),
        torch.zeros(2, 10, dtype=torch.bool),
        Tensor,
        ModelOutput,
    ],
)
def test_nothing_is_taken_where_nothing_fits(output):
    assert class_scores(output, 10) is None


@pytest.mark.parametrize("shape", [(2, 10, 1, 1), (2, 10, 1), (2, 10, 1, 1, 1)])
def test_trailing_axes_of_length_one_do_not_count(shape):
    scores = class_scores((EMBEDDING, SCORES.reshape(shape)), 10)

    torch.testing.assert_close(scores, SCORES)


def test_rows_are_checked_against_the_batch_where_it_is_known():
    prototypes = torch.zeros(10, 10)

    assert class_scores((prototypes, SCORES), 10) is prototypes
    assert class_scores((prototypes, SCORES), 10, batch_size=2) is SCORES
    assert class_scores(prototypes, 10, batch_size=2) is None


def test_a_network_of_one_class_has_scores_of_width_one():
    scores = torch.zeros(2, 1)

    assert class_scores(scores, 1) is scores
    assert class_scores(torch.zeros(2), 1) is None


def test_of_an_unknown_number_of_classes_the_only_candidate_is_taken():
    heads = (SCORES, torch.zeros(2, 10))

    assert class_scores(SCORES) is SCORES
    assert class_scores((FEATURE_MAP, SCORES)) is SCORES
    assert class_scores(heads) is SCORES
    assert class_scores({"pooled": EMBEDDING, "logits": SCORES}) is SCORES


def test_of_an_unknown_number_of_classes_nothing_is_guessed():
    assert class_scores((EMBEDDING, SCORES)) is None
    assert class_scores(torch.zeros(2, 1)) is None


def test_an_output_is_described_by_names_and_shapes():
    output = {"map": FEATURE_MAP, "heads": [EMBEDDING, {"out": SCORES}]}

    assert describe_output(SCORES) == "(2, 10)"
    assert describe_output(output) == (
        "map (2, 10, 7, 7), heads (2, 512), heads.out (2, 10)"
    )
    assert describe_output([None, "text"]) == "no tensor"

"""Records that the figures are drawn from."""

import pytest

import records
from se_probe.stats import class_moments


@pytest.fixture(scope="package")
def record():
    return records.resnet50_record()


@pytest.fixture(scope="package")
def moments(record):
    return class_moments(record)


@pytest.fixture(scope="package")
def digits():
    return records.digits_record()

"""The numbers of blocks along the network, of all or of some of them."""

import pytest
import xarray as xr

from records import noisy_gates
from se_probe.errors import BlockNameError
from se_probe.stats import class_moments
from se_probe.views import depth_profile


@pytest.mark.parametrize("blocks", ["SE_2_2", ["SE_2_2"], "*_2"])
@pytest.mark.parametrize("with_moments", [False, True])
def test_some_blocks_have_the_numbers_that_they_have_among_all(blocks, with_moments):
    record = noisy_gates([6, 8, 7], effect=0.1, channels=(4, 5, 6))
    moments = class_moments(record) if with_moments else None

    some = depth_profile(record, moments, blocks=blocks)

    xr.testing.assert_allclose(some, depth_profile(record).sel(block=["SE_2_2"]))


def test_unknown_blocks_are_refused():
    with pytest.raises(BlockNameError, match="SE_9_9"):
        depth_profile(noisy_gates([6, 6], effect=0.1), blocks="SE_9_9")

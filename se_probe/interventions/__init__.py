"""Hold gates, and measure what that does.

:func:`mean_constants` and its kin choose what gates are held at, :func:`calibrate`
takes the best that a record and images allow and keeps other images apart to evaluate,
and :func:`measure_blocks`, :func:`freezing_curve` and :func:`measure_interventions` run
the network with gates held and compare. :func:`exchange_gates` gives each image the
gates of others, of its class or another, and so tells what gates carry. The hooks that
hold gates are those of :func:`se_probe.blocks.held_gates`, beside the ones that
capture them.
"""

from se_probe.interventions.block_costs import freezing_curve, measure_blocks
from se_probe.interventions.calibration import Calibration, calibrate
from se_probe.interventions.constants import (
    Constants,
    least_squares_constants,
    sequential_constants,
)
from se_probe.interventions.donors import Donors, draw_donors
from se_probe.interventions.effects import EXTENTS
from se_probe.interventions.exchange import exchange_gates
from se_probe.interventions.given import best_constants, given_constants
from se_probe.interventions.intervention import Exchange, Intervention
from se_probe.interventions.measure import (
    measure_interventions,
    result_store,
)
from se_probe.interventions.origin import (
    check_finite,
    check_origin,
    check_record_of,
    check_weights,
)
from se_probe.interventions.recorded import mean_constants, recorded_constants
from se_probe.interventions.seen import seen_by, with_seen
from se_probe.interventions.split import (
    N_CALIBRATING,
    evenly,
    images_of_record,
    keep_apart,
    split_images,
)
from se_probe.interventions.treatments import TREATMENTS, Treatment

__all__ = [
    "EXTENTS",
    "N_CALIBRATING",
    "TREATMENTS",
    "Calibration",
    "Constants",
    "Donors",
    "Exchange",
    "Intervention",
    "Treatment",
    "best_constants",
    "calibrate",
    "check_finite",
    "check_origin",
    "check_record_of",
    "check_weights",
    "draw_donors",
    "evenly",
    "exchange_gates",
    "freezing_curve",
    "given_constants",
    "images_of_record",
    "keep_apart",
    "least_squares_constants",
    "mean_constants",
    "measure_blocks",
    "measure_interventions",
    "recorded_constants",
    "result_store",
    "seen_by",
    "sequential_constants",
    "split_images",
    "with_seen",
]

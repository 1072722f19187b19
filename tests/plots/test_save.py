"""Saving: the same figure gives the same bytes."""

from io import StringIO

import pandas as pd
import pytest
from matplotlib.figure import Figure

from records import PAPERS_CLASSES
from se_probe.errors import UsageError
from se_probe.plots import (
    figure_depth,
    figure_heatmaps,
    figure_profiles,
    figure_spread,
    save,
    save_table,
)
from se_probe.views import class_profiles, depth_profile, sorted_rows


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("profiles", "pdf"),
        ("spread", "svg"),
        ("heatmaps", "png"),
        ("heatmaps", "pdf"),
        ("depth", "png"),
    ],
)
def test_figure_drawn_twice_has_the_same_bytes(record, moments, tmp_path, name, suffix):
    view = class_profiles(moments, classes=PAPERS_CLASSES, blocks=["SE_5_1"])
    draw = {
        "profiles": lambda: figure_profiles(view),
        "spread": lambda: figure_spread(view),
        "heatmaps": lambda: figure_heatmaps(sorted_rows(record, blocks=["SE_5_1"])),
        "depth": lambda: figure_depth(depth_profile(record, moments)),
    }[name]

    first, second = (
        save(draw(), tmp_path / turn / f"{name}.{suffix}").read_bytes()
        for turn in ("first", "second")
    )

    assert first == second
    assert b"Date" not in first


def test_letters_are_saved_one_by_one_in_one_font(record, moments, tmp_path):
    figures = {
        "profiles": figure_profiles(
            class_profiles(moments, classes=["goldfish"], blocks=["SE_5_1"])
        ),
        "depth": figure_depth(depth_profile(record, moments)),
    }
    for name, fig in figures.items():
        page = save(fig, tmp_path / f"{name}.pdf").read_bytes()
        assert page.count(b"/FontFile2") == 1


def test_unknown_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"to end in \.png, \.pdf, \.svg, got"):
        save(Figure(), tmp_path / "figure.jpg")


def test_saved_table_reads_back(moments, tmp_path):
    view = class_profiles(moments, classes=["plane"], blocks=["SE_5_1"])

    text = save_table(view, tmp_path / "tables" / "profiles.csv").read_text("utf-8")

    table, again = view.to_dataframe().reset_index(), pd.read_csv(StringIO(text))
    pd.testing.assert_frame_equal(again, table, rtol=1e-5, check_dtype=False)
    assert text.startswith("class_name,channel,count,mean,sd,")


def test_a_file_where_the_folder_is_to_be_is_told(moments, tmp_path):
    (tmp_path / "file").touch()

    for path in (tmp_path / "file/profiles.csv", tmp_path / "file/below/profiles.csv"):
        with pytest.raises(UsageError, match="expected a folder to write profiles"):
            save_table(class_profiles(moments, classes=PAPERS_CLASSES), path)

"""Tables in windows of any width."""

import re

import pytest

from se_probe.cli.table import elide, fit_table

COLUMNS = ("block", "module", "gates", "kind", "parameters", "multiply-adds")
ROWS = [
    ("SE_2_1", "layer1.0.conv_dw.se_module", 256, "sigmoid", 1_234_567, 98_765_432),
    ("SE_5_10", "layer4.9.conv_dw.se_module", 2048, "hardsigmoid", None, 0.123),
]
NUMBERS = {"256", "2,048", "1,234,567", "98,765,432", "0.123", "-"}


@pytest.mark.parametrize("width", [20, 40, 60, 80, 160])
def test_numbers_are_whole_or_left_out(width):
    fitted = fit_table(COLUMNS, ROWS, width)

    shown = {cell for row in fitted.rows for cell in row if re.match(r"^[-\d]", cell)}
    assert shown <= NUMBERS
    assert fitted.columns + fitted.left_out == COLUMNS


def test_words_are_shortened_before_columns_are_left_out():
    fitted = fit_table(COLUMNS, ROWS, 80)

    modules = [row[1] for row in fitted.rows]
    assert fitted.left_out == ()
    assert len(set(modules)) == 2
    assert all(name.startswith("layer") and name.endswith("e") for name in modules)


def test_a_wide_window_shows_everything():
    assert fit_table(COLUMNS, ROWS, 160).rows[0][1] == ROWS[0][1]


def test_the_first_column_is_always_there():
    assert fit_table(COLUMNS, ROWS, 5).columns == ("block",)
    assert fit_table(COLUMNS, ROWS, 5).rows == (("SE_2_1",), ("SE_5_10",))


def test_the_middle_goes():
    assert elide("abcdefgh", 5) == "ab…gh"
    assert elide("abc", 3) == "abc"


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_inspect_fits_the_window_and_says_what_it_left_out(command, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))

    status, out, err = command("inspect", "--arch", "se_resnet50")

    assert status == 0
    table = out.splitlines()
    assert max(map(len, table)) <= width
    assert "0…" not in out
    assert ("left out" in err) == (width <= 80)
    assert ("8,464" in out) == (width >= 60)


def test_a_pipe_gets_every_column_whole(command, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)

    _, out, err = command("inspect", "--arch", "se_resnet50")

    assert "layer4.2.se" in out
    assert "…" not in out
    assert "left out" not in err

"""Every option of every command: what it is called, and what holds without it.

The lists are written down so that an option that is lost, renamed or given another
default is seen here, and not by those whose scripts use it.
"""

import inspect

import pytest

from se_probe.cli import COMMANDS, app, documented_app

REQUIRED = inspect.Parameter.empty

OPTIONS = {
    "demo": {
        "--ckpt": "checkpoints/demo.pt",
        "--out": "figures/demo",
        "--seed": 0,
        "--threads": None,
        "--force": False,
        "--quiet": False,
    },
    "inspect": {
        "--ckpt": None,
        "--arch": None,
        "--class-names": None,
        "--weights": None,
        "--image-size": None,
        "--input-shape": None,
        "--diagram": None,
        "--strict": False,
        "--json": False,
        "--trust-pickle": False,
    },
    "classes": {
        "NAMES": REQUIRED,
        "--json": False,
    },
    "record": {
        "--out": REQUIRED,
        "--ckpt": None,
        "--arch": None,
        "--class-names": None,
        "--weights": None,
        "--data": None,
        "--data-root": None,
        "--split": "test",
        "--label-order": None,
        "--per-class": None,
        "--image-size": None,
        "--input-shape": None,
        "--device": "auto",
        "--batch-size": 32,
        "--workers": "auto",
        "--threads": None,
        "--part": None,
        "--precision": "fp32",
        "--compile": False,
        "--seed": 0,
        "--with": None,
        "--dtype": "float32",
        "--strict": False,
        "--like": None,
        "--trust-pickle": False,
        "--force": False,
        "--json": False,
        "--quiet": False,
    },
    "plot": {
        "RECORD": None,
        "--ckpt": None,
        "--arch": None,
        "--class-names": None,
        "--weights": None,
        "--data": None,
        "--data-root": None,
        "--split": "test",
        "--label-order": None,
        "--classes": None,
        "--blocks": None,
        "--channels": "50",
        "--sampling": "even",
        "--figures": "profiles,spread,heatmap,depth",
        "--spread": None,
        "--cmap": "viridis",
        "--limits": "own",
        "--channel-order": "index",
        "--width": "page",
        "--title": "",
        "--style": None,
        "--batches": None,
        "--correct-only": False,
        "--per-class": None,
        "--others": None,
        "--out": None,
        "--format": "png,pdf",
        "--image-size": None,
        "--device": "auto",
        "--batch-size": None,
        "--workers": "auto",
        "--threads": None,
        "--precision": "fp32",
        "--compile": False,
        "--seed": 0,
        "--trust-pickle": False,
        "--quiet": False,
    },
    "channels": {
        "RECORD": REQUIRED,
        "--blocks": None,
        "--seed": 0,
        "--out": None,
        "--json": False,
        "--quiet": False,
    },
    "explore": {
        "RECORD": REQUIRED,
        "--data": None,
        "--port": None,
        "--no-browser": False,
    },
    "exchange": {
        "RECORD": REQUIRED,
        "--ckpt": None,
        "--arch": None,
        "--class-names": None,
        "--weights": None,
        "--data": None,
        "--data-root": None,
        "--split": "test",
        "--label-order": None,
        "--per-class": None,
        "--image-size": None,
        "--input-shape": None,
        "--device": "auto",
        "--batch-size": 32,
        "--workers": "auto",
        "--blocks": None,
        "--threads": None,
        "--seed": 0,
        "--like": None,
        "--trust-pickle": False,
        "--out": None,
        "--json": False,
        "--quiet": False,
    },
    "report": {
        "RECORD": REQUIRED,
        "--out": REQUIRED,
        "--against": None,
        "--data": None,
    },
    "compare": {
        "FIRST": REQUIRED,
        "SECOND": REQUIRED,
        "--same-channels": "auto",
        "--resamples": 200,
        "--seed": 0,
        "--out": None,
        "--json": False,
        "--quiet": False,
    },
    "rank": {
        "RECORD": REQUIRED,
        "--by": "input_dependence",
        "--ckpt": None,
        "--arch": None,
        "--class-names": None,
        "--weights": None,
        "--data": None,
        "--data-root": None,
        "--split": "test",
        "--label-order": None,
        "--per-class": None,
        "--image-size": None,
        "--input-shape": None,
        "--device": "auto",
        "--batch-size": 32,
        "--workers": "auto",
        "--threads": None,
        "--precision": "fp32",
        "--seed": 0,
        "--like": None,
        "--trust-pickle": False,
        "--out": None,
        "--json": False,
        "--quiet": False,
    },
    "prune": {
        "--blocks": None,
        "--ckpt": None,
        "--arch": None,
        "--class-names": None,
        "--weights": None,
        "--how": None,
        "--gates": None,
        "--budget": None,
        "--save": None,
        "--runtime": None,
        "--accept-uncertain": False,
        "--calibrating": 1000,
        "--precision": "fp32",
        "--finetune": None,
        "--lr": None,
        "--distill": None,
        "--data": None,
        "--data-root": None,
        "--split": "test",
        "--label-order": None,
        "--per-class": None,
        "--image-size": None,
        "--input-shape": None,
        "--device": "auto",
        "--batch-size": 32,
        "--workers": "auto",
        "--threads": None,
        "--seed": 0,
        "--out": None,
        "--dry-run": False,
        "--export": None,
        "--export-code": False,
        "--opset": None,
        "--half": False,
        "--plain": None,
        "--like": None,
        "--trust-pickle": False,
        "--force": False,
        "--json": False,
        "--quiet": False,
        "--strict": False,
    },
    "evaluate": {
        "--ckpt": None,
        "--against": None,
        "--arch": None,
        "--class-names": None,
        "--weights": None,
        "--against-arch": None,
        "--data": None,
        "--data-root": None,
        "--split": "test",
        "--label-order": None,
        "--per-class": None,
        "--image-size": None,
        "--input-shape": None,
        "--device": "auto",
        "--batch-size": 32,
        "--workers": "auto",
        "--runtime": None,
        "--threads": None,
        "--seed": 0,
        "--like": None,
        "--trust-pickle": False,
        "--json": False,
        "--quiet": False,
    },
    "train": {
        "--arch": "se_lenet",
        "--data": "digits",
        "--data-root": None,
        "--optimizer": None,
        "--lr": None,
        "--momentum": None,
        "--weight-decay": None,
        "--batch-size": None,
        "--epochs": None,
        "--warmup-epochs": None,
        "--schedule": None,
        "--label-smoothing": None,
        "--crop-padding": None,
        "--flip": None,
        "--per-class": None,
        "--stop-at": None,
        "--precision": None,
        "--seed": 0,
        "--out": None,
        "--resume": False,
        "--force": False,
        "--device": "auto",
        "--workers": "auto",
        "--threads": None,
        "--json": False,
        "--quiet": False,
    },
    "reproduce": {
        "--arch": "se_lenet",
        "--data": "digits",
        "--data-root": None,
        "--seeds": "0,0,1",
        "--epochs": None,
        "--batch-size": None,
        "--per-class": None,
        "--precision": None,
        "--recorded": 10,
        "--device": "auto",
        "--workers": "auto",
        "--threads": None,
        "--out": None,
        "--json": False,
        "--quiet": False,
    },
    "verify": {
        "RECORD": REQUIRED,
        "--batches": "5",
        "--ckpt": None,
        "--arch": None,
        "--weights": None,
        "--data": None,
        "--device": "auto",
        "--workers": "auto",
        "--threads": None,
        "--trust-pickle": False,
        "--json": False,
        "--quiet": False,
    },
    "cache": {"--clear": False, "--json": False},
}


def arguments_of(name):
    found = documented_app()[name].assemble_argument_collection(
        default_parameter=app.default_parameter, parse_docstring=True
    )
    return [argument for argument in found if argument.show]


def options_of(name):
    return {each.name: plain(each.field_info.default) for each in arguments_of(name)}


def plain(default):
    is_kept = default is REQUIRED or isinstance(default, (int, float, type(None)))
    return default if is_kept else str(default)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_keeps_its_name_and_default(name):
    assert options_of(name) == OPTIONS[name]


def test_every_command_is_written_down_here():
    assert list(OPTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    unexplained = [each.name for each in arguments_of(name) if not each.parameter.help]

    assert unexplained == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_listing_says_what_the_command_says_of_itself(name):
    first, _, _ = documented_app()[name].help.partition("\n")

    assert first == COMMANDS[name]


def test_only_flip_can_be_switched_off_by_name():
    arguments = [argument for name in COMMANDS for argument in arguments_of(name)]

    assert {each.name for each in arguments if each.negatives} == {"--flip"}


def test_a_short_name_is_kept_for_quiet_alone(command):
    status, out, err = command("classes", "pug", "-q")

    assert (status, out) == (2, "")
    assert "no option -q" in err
    assert command("record", "-q", "--data", "digits")[2].startswith("se-probe: record")

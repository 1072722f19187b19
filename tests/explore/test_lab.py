"""The explorer in JupyterLab, which the test starts."""

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from browser import (
    ask,
    chromium,
    click,
    drag,
    errors,
    needs_browser,
    place,
    wait_for,
)
from se_probe.gates import save_gates

pytestmark = [pytest.mark.browser, needs_browser]

CELL = "from se_probe.explore import explore\nexplorer = explore('run.zarr')\nexplorer"
AFTERWARDS = """
rows = explorer.selection
n_classes = len(set(rows.class_name.values))
print(f"{len(rows)} rows of {n_classes} class, channel {explorer.look.channel}")
"""
KERNEL = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
IS_READY = f"return {KERNEL}?.status === 'idle'"
EXECUTE = f"""
const tell = arguments[1], future = {KERNEL}.requestExecute({{code: arguments[0]}})
let said = ""
future.onIOPub = (message) => {{ said += message.content.text ?? "" }}
future.done.then(() => tell(said.trim()))
"""
RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells')"


def free_port():
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def write_notebook(folder, text):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    content = {
        "cells": [cell | {"id": "look", "source": text}],
        "metadata": {
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3",
                "language": "python",
            }
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "look.ipynb").write_text(json.dumps(content))


@contextmanager
def lab(folder):
    """Address of a notebook in a JupyterLab of its own."""
    port = free_port()
    options = {
        "ServerApp.port": port,
        "ServerApp.root_dir": folder,
        "ServerApp.token": "",
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "LabApp.expose_app_in_browser": True,
        "LabApp.news_url": None,
    }
    home = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA")}
    with (
        (folder / "lab.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser"]
            + [f"--{name}={value}" for name, value in options.items()],
            stdout=log,
            stderr=log,
            env=os.environ | home | {"JUPYTER_PLATFORM_DIRS": "1"},
        ) as process,
    ):
        try:
            wait_for(lambda: answers(port), "JupyterLab", 60)
            yield f"http://127.0.0.1:{port}/lab/tree/look.ipynb"
        finally:
            process.terminate()


def answers(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def drawn(driver, title="Along the network"):
    script = "try { titled(arguments[0]); return true } catch { return false }"
    is_there = driver.execute_script("return !!window.Bokeh")
    return is_there and ask(driver, script, title)


def in_kernel(driver, code):
    """What some code says, run in the notebook's own kernel."""
    return driver.execute_async_script(EXECUTE, code)


def test_a_notebook_shows_the_views_and_goes_on_with_the_selection(
    photographed, tmp_path
):
    save_gates(photographed, tmp_path / "run.zarr")
    write_notebook(tmp_path, CELL)
    with lab(tmp_path) as url, chromium(width=1500, height=2400) as driver:
        driver.get(url)
        wait_for(lambda: driver.execute_script(IS_READY), "the kernel", 60)
        driver.execute_script(RUN)
        wait_for(lambda: drawn(driver), "the explorer", 60)

        ask(driver, "titled('SE block').model.value = 'SE_2_1'")
        block = "Map of images, SE_2_1"
        wait_for(lambda: drawn(driver, block), "the block")
        corners = [(0.01, 0.01), (0.5, 0.01), (0.5, 0.99), (0.01, 0.99), (0.01, 0.02)]
        drag(driver, [place(driver, block, *corner) for corner in corners])
        curves = "return titled('Class profiles').model.select_one('curves').data.name"
        wait_for(lambda: "selected images (20)" in ask(driver, curves), "the curve")
        click(driver, place(driver, "Gates, SE_2_1", 0.9, 0.5))
        wait_for(lambda: drawn(driver, "Channel 3 of SE_2_1"), "the channel")

        assert in_kernel(driver, AFTERWARDS) == "20 rows of 1 class, channel 3"
        assert not errors(driver)

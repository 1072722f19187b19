"""The local page as a reader meets it: in a browser, served by the command."""

import asyncio
import re
import subprocess
import sys
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread

import pytest

from browser import (
    BOLD,
    SCRIPT,
    ask,
    chromium,
    click,
    drag,
    errors,
    hover,
    needs_browser,
    place,
    wait_for,
    wait_until_idle,
)
from se_probe.explore import serve_page
from se_probe.gates import save_gates

pytestmark = [pytest.mark.browser, needs_browser]

BLOCK = "return titled('SE block').model.value"
CHANNEL = "return titled('Channel,').model.value"
VIEWS = ["map", "profiles", "heatmap", "channel", "extremes"]
SAVE = (
    "view_of((m) => m.label === 'Save').el.shadowRoot.querySelector('button').click()"
)
CURVES = "return titled('Class profiles').model.select_one('curves').data.name"


@contextmanager
def command(run):
    """Address of the page that the command serves."""
    typed = [sys.executable, "-m", "se_probe", "explore", str(run)]
    with subprocess.Popen(
        [*typed, "--port", "0", "--no-browser"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def server(run):
    """Address of the page, served by a thread of this process."""
    started = SimpleQueue()

    def serve():
        asyncio.set_event_loop(asyncio.new_event_loop())
        page = serve_page(run, port=0)
        loop = page._server.io_loop
        started.put((page, loop))
        loop.start()
        loop.close(all_fds=True)

    thread = Thread(target=serve)
    thread.start()
    page, loop = started.get(timeout=60)
    try:
        yield page.url
    finally:
        loop.add_callback(page.stop)
        loop.add_callback(loop.stop)
        thread.join(60)


@contextmanager
def served(driver, record, tmp_path, by=server, change=lambda run: None):
    """The page of a record, and of what is done to it on disk."""
    save_gates(record, tmp_path / "run.zarr")
    change(tmp_path / "run.zarr")
    with by(tmp_path / "run.zarr") as url:
        try:
            driver.get(url)
            yield
        finally:
            driver.get("about:blank")  # or the page asks for a server that is gone


@contextmanager
def shown(driver, record, tmp_path, by=server):
    """The page in a browser that reports no error."""
    with served(driver, record, tmp_path, by):
        wait_until_idle(driver)
        yield
        assert not errors(driver)


def damage(run):
    chunk = run / "gate/c/0/0"
    chunk.write_bytes(bytes(chunk.stat().st_size))


@pytest.fixture(scope="module")
def driver():
    with chromium() as made:
        yield made


def test_what_is_chosen_in_one_view_shows_in_all(driver, photographed, tmp_path):
    with shown(driver, photographed, tmp_path, command):
        assert ask(driver, BLOCK) == "SE_3_1"

        # Another block, as with the keyboard.
        ask(driver, "titled('SE block').model.value = 'SE_2_1'")
        titles = ["Map of images, SE_2_1", "Class profiles, SE_2_1", "Gates, SE_2_1"]
        for title in titles:
            wait_for(lambda t=title: found(driver, t), title)

        # A lasso around the left half of the map: one of the two classes.
        corners = [(0.01, 0.01), (0.5, 0.01), (0.5, 0.99), (0.01, 0.99), (0.01, 0.02)]
        drag(driver, [place(driver, titles[0], *corner) for corner in corners])
        names = wait_for(lambda: selected_curve(ask(driver, CURVES)), "its curve")
        assert names == "selected images (20)"

        # A click on the last column of the heatmap.
        click(driver, place(driver, titles[2], 0.9, 0.5))
        wait_for(lambda: found(driver, "Channel 3 of SE_2_1"), "the channel")
        assert ask(driver, CHANNEL) == 3

        # The numbers along the network; a click chooses the block.
        click(driver, place(driver, "Along the network", 0.95, 0.5))
        wait_for(lambda: ask(driver, BLOCK) == "SE_3_1", "the block")


def test_hovering_over_a_point_shows_its_picture(driver, photographed, tmp_path):
    with shown(driver, photographed, tmp_path):
        texts = hover_over(driver, "Map of images", 0)

        assert re.search(r"(red|blue)/\d\d.png", texts)
        picture = "return tips()[0].querySelector('img').src"
        wait_for(
            lambda: ask_tips(driver, picture).startswith("data:image/jpeg"), "picture"
        )


def test_the_button_saves_what_is_shown(driver, photographed, tmp_path):
    with shown(driver, photographed, tmp_path):
        out = tmp_path / "my figures"
        ask(driver, "titled('Save figures to').model.value = arguments[0]", str(out))
        ask(driver, "titled('Select images').model.value = 'class:red'")
        wait_for(lambda: selected_curve(ask(driver, CURVES)), "the selection")

        ask(driver, SAVE)

        told = f"19 files written to {out}"
        wait_for(lambda: told in all_text(driver), "that it is saved")
        names = {path.stem for path in out.iterdir()}
        assert names == {*VIEWS, "depth", "selection"}


def test_damage_is_said_on_the_page(driver, photographed, tmp_path):
    with served(driver, photographed, tmp_path, change=damage):
        wait_for(lambda: "batch 0 of the gate record" in all_text(driver), "the error")


def test_names_that_look_like_markup_show_as_they_are(driver, marked_up, tmp_path):
    with shown(driver, marked_up, tmp_path):
        ask(driver, "titled('Select images').model.value = 'all images of the map'")
        wait_for(lambda: SCRIPT in all_text(driver), "the file's name")

        texts = hover_over(driver, "Map of images", 0)

        assert SCRIPT in texts
        assert BOLD in all_text(driver) or BOLD in texts
        assert not ask(
            driver, EVERYTHING + "return all('img[onerror], b b, mjx-container').length"
        )
        options = ask(
            driver, EVERYTHING + "return all('option').map((o) => o.textContent)"
        )
        assert BOLD in options


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_window_needs_no_scrolling_to_the_side(photographed, tmp_path, dark):
    with (
        chromium(width=500, dark=dark) as driver,
        shown(driver, photographed, tmp_path),
    ):
        theme = "dark" if dark else "light"
        wait_for(
            lambda: ask(driver, "return titled('Page').model.value") == theme, theme
        )

        wide, room = ask(driver, WIDTHS)

        assert wide <= room


# Elements of the page, also those inside of Bokeh's own roots.
EVERYTHING = """
const all = (what, root = document) => [
  ...root.querySelectorAll(what),
  ...[...root.querySelectorAll("*")].filter((e) => e.shadowRoot)
    .flatMap((e) => all(what, e.shadowRoot)),
]
"""
MARKUP = "return all('img[onerror], b b, mjx-container').length"
OPTIONS = "return all('option').map((option) => option.textContent)"
WIDTHS = """
const page = document.documentElement
return [page.scrollWidth, page.clientWidth]
"""
TIPS = EVERYTHING + "const tips = () => all('.bk-Tooltip').map((e) => e.shadowRoot);"


def ask_tips(driver, script):
    return ask(driver, TIPS + script)


def all_text(driver):
    script = "return all('div').map((e) => e.innerText ?? '').join(' ')"
    return ask(driver, EVERYTHING + script)


def hover_over(driver, title, point, beside=0):
    """Move to a point of a map, and give what the tooltip says."""
    script = """
    const view = titled(arguments[0])
    view.el.scrollIntoView({block: "center"})
    const data = view.model.select_one("images").data
    const all = view.el.getBoundingClientRect()
    const [x, y] = [data.x[arguments[1]], data.y[arguments[1]]]
    return [all.left + view.frame.x_scale.compute(x),
            all.top + view.frame.y_scale.compute(y)]
    """
    told = "return tips().map((e) => e.textContent).join(' ')"

    def moved():  # what came in late may have moved the figure
        left, top = ask(driver, script, title, point)
        hover(driver, (round(left) + 40, round(top)))
        hover(driver, (round(left) + beside, round(top)))
        return ask_tips(driver, told).strip()

    return wait_for(moved, "a tooltip")


def found(driver, title):
    script = "try { titled(arguments[0]); return true } catch { return false }"
    return ask(driver, script, title)


def selected_curve(names):
    return next((name for name in names if name.startswith("selected")), None)

"""A headless Chromium that looks at pages as a reader does."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
CHROMEDRIVER = shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="there is no Chromium with its driver"
)

# What a class and a file may be called.
BOLD = "<b>x</b>"
SCRIPT = '"><img src=x onerror=alert(1)>'

# The model of a figure or widget, and its view, by what the page calls it.
_FIND = """
const find = (view, ok) => {
  if (ok(view.model)) { return view }
  for (const child of view.child_views ?? []) {
    const found = find(child, ok)
    if (found != null) { return found }
  }
  return null
}
const view_of = (ok) => {
  for (const root of Bokeh.index.roots) {
    const found = find(root, ok)
    if (found != null) { return found }
  }
  throw new Error("no such view")
}
const titled = (start) => view_of((m) => {
  const title = m.title
  const text = title != null && typeof title === "object" ? title.text : title
  return typeof text === "string" && text.startsWith(start)
})
"""


@contextmanager
def chromium(*, width: int = 1280, height: int = 1900, dark: bool = False) -> Iterator:
    """Driver of a browser without a window; it keeps what the browser's log says."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--use-gl=swiftshader",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--window-size={width},{height}",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def wait_for(ready: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """What `ready` gives, as soon as that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {seconds} s")


def errors(driver: Any) -> list[str]:
    """What the browser's log calls an error."""
    return [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE"]


def ask(driver: Any, script: str, *arguments: Any) -> Any:
    """Result of a script that may call `titled("start of a title")` and `view_of`."""
    return driver.execute_script(_FIND + script, *arguments)


def wait_until_idle(driver: Any, seconds: float = 30) -> None:
    """Wait until the page has drawn what it knows."""
    script = "return !!(window.Bokeh && Bokeh.documents[0]?.is_idle)"
    wait_for(lambda: driver.execute_script(script), "an idle page", seconds)


def place(driver: Any, title: str, x: float, y: float) -> tuple[int, int]:
    """Where a point of a figure lies in the window, after scrolling it into sight."""
    script = """
    const view = titled(arguments[0])
    view.el.scrollIntoView({block: "center"})
    const all = view.el.getBoundingClientRect(), box = view.frame.bbox
    return [all.left + box.left + arguments[1] * box.width,
            all.top + box.top + arguments[2] * box.height]
    """
    left, top = ask(driver, script, title, x, y)
    return round(left), round(top)


def drag(driver: Any, points: list[tuple[int, int]]) -> None:
    """Draw along some points with the mouse button down."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    actions = ActionBuilder(driver, duration=20)
    pointer = actions.pointer_action
    pointer.move_to_location(*points[0])
    pointer.pointer_down()
    for point in points[1:]:
        pointer.move_to_location(*point)
    pointer.pointer_up()
    actions.perform()


def click(driver: Any, point: tuple[int, int]) -> None:
    """Click at a place in the window."""
    drag(driver, [point])


def hover(driver: Any, point: tuple[int, int]) -> None:
    """Move the mouse to a place in the window."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    actions = ActionBuilder(driver, duration=20)
    actions.pointer_action.move_to_location(*point)
    actions.perform()

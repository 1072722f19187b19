"""The page as a reader meets it: in a browser, from disk."""

import pytest

from browser import ask, chromium, errors, needs_browser, wait_until_idle
from se_probe.report import write_report

pytestmark = [pytest.mark.browser, needs_browser]

GATES = """
const model = Bokeh.documents.map((d) => d.get_model_by_name("class-0"))
  .find((found) => found != null)
return Array.from(model.data.gate)
"""
SHOWN = (
    "return [...document.querySelectorAll(arguments[0])]"
    ".filter((each) => each.checkVisibility()).length"
)


@pytest.fixture(scope="module")
def page(record, tmp_path_factory):
    return write_report(record, tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(scope="module")
def driver():
    with chromium() as made:
        yield made


@pytest.fixture
def opened(driver, page):
    driver.get(page.as_uri())
    wait_until_idle(driver)
    yield driver
    assert not errors(driver)


def test_plots_take_the_place_of_pictures_without_an_error(opened):
    assert opened.execute_script(SHOWN, ".live") == 3
    figures = "return Bokeh.index.roots.filter((r) => r.model.type === 'Figure').length"
    assert opened.execute_script(figures) == 3
    assert opened.execute_script(SHOWN, "img.static") == 3


def test_another_block_changes_the_curves(opened):
    before = ask(opened, GATES)

    opened.execute_script(
        "const box = document.getElementById('block'); box.value = 'SE_2_1';"
        "box.dispatchEvent(new Event('change'))"
    )

    after = ask(opened, GATES)
    assert (len(before), len(after)) == (256, 32)


def test_a_class_that_is_not_chosen_is_not_drawn(opened):
    visible = (
        "return Bokeh.documents.map((d) => d.get_model_by_name('line-1'))"
        ".find((found) => found != null).visible"
    )
    assert ask(opened, visible)

    opened.find_elements("css selector", "input.class")[1].click()

    assert not ask(opened, visible)


def test_a_click_sorts_the_table_and_another_turns_it(opened):
    column = (
        "return [...document.querySelectorAll('table.sortable tbody tr')]"
        ".map((row) => Number(row.cells[arguments[0]].dataset.value))"
    )
    heads = opened.find_elements("css selector", "table.sortable th button")
    place = [head.text for head in heads].index("input dependence")

    heads[place].click()
    falling = opened.execute_script(column, place)
    heads[place].click()
    rising = opened.execute_script(column, place)

    assert falling == sorted(falling, reverse=True)
    assert rising == sorted(rising)


def test_without_scripts_the_figures_are_still_there(driver, page):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(page.as_uri())
        pictures = driver.find_elements("css selector", "img.static")
        sizes = [picture.size["width"] for picture in pictures]
        is_seen = [picture.is_displayed() for picture in pictures]
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert len(pictures) == 6
    assert all(is_seen)
    assert min(sizes) > 200


def test_page_fits_a_phone(page):
    with chromium(width=500, height=900) as phone:
        phone.get(page.as_uri())
        wait_until_idle(phone)
        width = "return document.documentElement.scrollWidth <= window.innerWidth"

        assert phone.execute_script(width)


def test_names_that_look_like_markup_run_nothing(driver, marked_up, tmp_path):
    path = write_report(marked_up, tmp_path / "page.html")

    driver.get(path.as_uri())
    wait_until_idle(driver)

    heading = driver.find_element("css selector", "h1").text
    assert heading.startswith("Gates of <i>net</i></script><script>alert")
    assert not errors(driver)

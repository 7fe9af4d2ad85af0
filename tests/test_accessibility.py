"""Each page in a browser: axe-core finds nothing, and it fits on a phone.

Long: a page takes seconds. Needs what `make test-long` installs, and a
Chromium or Chrome on the PATH.
"""

import shutil
from pathlib import Path

import pytest

HTML = Path(__file__).resolve().parent.parent / "book/html"
PAGES = [p for p in sorted(HTML.rglob("*.html")) if p.name != "index.html"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# In the theme's templates, on every page; anything else is ours to mend
THEME = {"label-content-name-mismatch", "summary-name", "region"}
CONTRAST = {"runOnly": ["color-contrast", "link-in-text-block"]}

pages = pytest.mark.parametrize(
    "path", PAGES, ids=lambda p: p.relative_to(HTML).as_posix())


@pytest.fixture(scope="module")
def axe(require):
    return require("axe_playwright_python.sync_playwright").Axe()


@pytest.fixture(scope="module")
def tab(require):
    """An empty tab of a browser without a window."""
    playwright = require("playwright.sync_api")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} on the PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        yield browser.new_page()
        browser.close()


def load(tab, path):
    """Open a page, and wait until its formulas are set."""
    tab.goto(path.as_uri())
    tab.evaluate("window.MathJax?.startup?.promise")


def violations(axe, tab, options=None):
    """{rule: what breaks it}, without what the theme breaks."""
    found = axe.run(tab, options=options).response["violations"]
    return {v["id"]: [node["html"][:200] for node in v["nodes"]][:5]
            for v in found if v["id"] not in THEME}


@pytest.mark.long
@pages
def test_axe_finds_only_what_the_theme_breaks(axe, tab, path):
    tab.set_viewport_size({"width": 1280, "height": 900})
    load(tab, path)
    assert violations(axe, tab) == {}
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert violations(axe, tab, CONTRAST) == {}


@pytest.mark.long
@pages
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways(tab, path, width):
    tab.set_viewport_size({"width": width, "height": 900})
    load(tab, path)
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width

"""Each page in a browser: axe-core finds nothing, and it fits on a phone.

A page takes seconds. It needs Chromium or Chrome on the PATH, and what
`make test-long` installs.
"""

from pathlib import Path

import pytest

HTML = Path(__file__).resolve().parent.parent / "book/html"
PAGES = [p for p in sorted(HTML.rglob("*.html")) if p.name != "index.html"]
# In the theme's templates, on every page; anything else is ours to mend
THEME = {"label-content-name-mismatch", "summary-name", "region"}
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
FORMULAS = {"exclude": ["mjx-container"]}       # coloured as the text is

pytestmark = pytest.mark.long
pages = pytest.mark.parametrize(
    "path", PAGES, ids=lambda p: p.relative_to(HTML).as_posix())


def load(tab, path, width):
    """Open a page, its formulas set and its colours at rest."""
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(path.as_uri())
    tab.evaluate("window.MathJax?.startup?.promise")
    tab.add_style_tag(content="* {transition: none !important}")


def violations(tab, require, rules=None, context=None):
    """{rule: the first elements that break it}, the theme's left out."""
    axe = require("axe_playwright_python.sync_playwright").Axe()
    options = {"resultTypes": ["violations"]} | (rules or {})
    found = axe.run(tab, context, options).response["violations"]
    return {v["id"]: [node["html"][:200] for node in v["nodes"]][:5]
            for v in found if v["id"] not in THEME}


@pages
def test_axe_finds_only_what_the_theme_breaks(tab, require, path):
    load(tab, path, 1280)
    assert violations(tab, require) == {}
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert violations(tab, require, COLOURS, FORMULAS) == {}


@pages
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways(tab, path, width):
    load(tab, path, width)
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width

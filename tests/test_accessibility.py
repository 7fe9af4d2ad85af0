"""Each page in a browser: axe-core finds nothing, it fits on a phone, and it
asks nobody for anything.

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


# ---- no request leaves --------------------------------------------------

@pytest.fixture
def asked(tab):
    """The addresses that the tab asks for, as they come."""
    found = []

    def note(request):
        found.append(request.url)

    tab.on("request", note)
    yield found
    tab.remove_listener("request", note)


def outside(asked):
    return [url for url in asked if not url.startswith((
        HTML.as_uri(), "data:", "blob:"))]


@pages
def test_no_request_leaves_a_page(tab, asked, path):
    load(tab, path, 1280)
    tab.evaluate("""for (const place of [...document.images,
        ...document.querySelectorAll('details')]) {
        place.loading = 'eager'; place.open = true}""")
    tab.wait_for_timeout(200)
    assert path.as_uri() in asked and outside(asked) == []


def test_search_and_formulas_ask_nobody(tab, asked):
    tab.goto((HTML / "search.html").as_uri() + "?q=convolution")
    tab.wait_for_selector("#search-results li a")
    load(tab, HTML / "chapters/03_1_gan.html", 1280)
    tab.evaluate("""MathJax.startup.promise.then(
        () => MathJax.startup.document.menu.setExplorer(true))""")
    tab.wait_for_timeout(2000)      # it looks for MathJax's own files
    assert any("a11y" in url or "mml" in url for url in asked)
    assert outside(asked) == []

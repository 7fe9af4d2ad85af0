"""The one page that is printed: its links stay in their chapter."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book"))

from pdf import PAGE, one_page  # noqa: E402


def test_links_stay_in_their_chapter_and_lead_to_the_bibliography():
    made = one_page(
        '<main id="main-content">'
        f'<a href="#document-{PAGE.removesuffix(".html")}">preface</a>'
        '<span id="document-a"></span><h2 id="summary"></h2>'
        f'<h2 id="alone"></h2><a id="id1" href="{PAGE}#id7">[1]</a>'
        '<a href="#summary">a</a>'
        '<span id="document-b"></span><h2 id="summary"></h2>'
        f'<a href="#summary">b</a><a href="{PAGE}#alone">to a</a>'
        '<div class="citation" id="id7"></div>')
    assert '<h2 id="1-summary">' in made and '<h2 id="2-summary">' in made
    assert '<a href="#1-summary">a</a>' in made
    assert '<a href="#2-summary">b</a>' in made
    assert '<a href="#alone">to a</a>' in made and 'id="alone"' in made
    assert 'href="#cited-id7"' in made
    assert '<div class="citation" id="cited-id7">' in made
    assert '<a href="#main-content">preface</a>' in made

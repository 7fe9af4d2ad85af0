"""Print the book: book/tinygen.pdf, by headless Chromium.

    python book/pdf.py [--out FILE]

All chapters become one page (Sphinx's builder singlehtml, which
book/printing.py completes), and Chromium prints that on A4, with an outline
and its figures' descriptions. Minutes. It needs Chromium or Chrome on the
PATH, and what `make pdf` installs.
"""

import argparse
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from browser import opened_tab
from build import ROOT, render

from tinygen.files import replacing

PAGE = "chapters/00_preface.html"       # where singlehtml puts everything
PREPARE = """
for (const one of document.querySelectorAll("details")) one.open = true;
for (const one of document.querySelectorAll(
    "pre, .cell, .cell_input, .admonition, details, mjx-container, .math")) {
  const box = one.closest("details.hide, .sd-dropdown") ??
    one.closest(".cell_input") ?? one;  // else the box begins a page early
  if (box.offsetHeight < 260) one.style.breakInside = "avoid";
}
"""


def one_page(text):
    """The page, with the links of its chapters to each other mended.

    They point to the file it no longer is; and ids that several chapters
    have get their chapter's number, so that a link stays in its chapter. Only
    citations lead out of it: to the bibliography, which numbers like them.
    """
    text = text.replace('<div class="citation" id="',
                        '<div class="citation" id="cited-')
    text = re.sub(rf'href="{PAGE}#(?=id\d)', 'href="#cited-', text)
    text = text.replace(f'href="{PAGE}#', 'href="#')
    text = text.replace(f'href="#document-{PAGE.removesuffix(".html")}"',
                        'href="#main-content"')     # the first has no anchor
    parts = re.split(r'(?=<span id="document-)', text)
    often = Counter(i for part in parts for i in
                    set(re.findall(r' id="([^"]+)"', part)))
    made = []
    for k, part in enumerate(parts):
        ids = {i for i in re.findall(r' id="([^"]+)"', part) if often[i] > 1}
        if k and ids:
            pattern = "|".join(map(re.escape, ids))
            part = re.sub(rf'( id="|href="#)({pattern})"',
                          rf'\g<1>{k}-\2"', part)
        made.append(part)
    return "".join(made)


def print_page(tab, page, out):
    """Chromium's print of a page of its own, into the file `out`."""
    tab.goto(page.as_uri())
    tab.evaluate("window.MathJax?.startup?.promise")
    tab.add_style_tag(path=Path(__file__).with_name("paper.css"))
    tab.evaluate(PREPARE)
    tab.pdf(path=out, format="A4", scale=0.75, outline=True, tagged=True,
            print_background=True, display_header_footer=True,
            header_template="<span></span>",
            footer_template="<div style='width: 100%; font-size: 11px; "
            "text-align: center' class='pageNumber'></div>",
            margin={"top": "16mm", "bottom": "18mm", "left": "20mm", "right": "20mm"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "book/tinygen.pdf")
    given = parser.parse_args()
    with (opened_tab(1200) as tab, replacing(given.out) as new,
          tempfile.TemporaryDirectory() as folder):
        pages = render(Path(folder), False, "singlehtml")
        page = pages / "book.html"
        page.write_text(one_page((pages / PAGE).read_text(encoding="utf-8")),
                        encoding="utf-8")
        print_page(tab, page, new)
    print(f"The book on paper: {given.out.resolve().as_uri()}")


if __name__ == "__main__":
    try:
        main()
    except FileNotFoundError as error:      # no browser, no folder for --out
        sys.exit(str(error))

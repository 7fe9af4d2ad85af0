"""Print the book: book/tinygen.pdf, by headless Chromium.

    python book/pdf.py [--out FILE]

All chapters become one page (Sphinx's builder singlehtml, which
book/printing.py completes), and Chromium prints that on A4, as book/paper.css
says, with an outline and its figures' descriptions. Minutes. It needs
Chromium or Chrome on the PATH, and what `make pdf` installs.
"""

import argparse
import contextlib
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import yaml
from browser import opened_tab
from build import ROOT, render

from tinygen.files import replacing

PAGE = "chapters/00_preface.html"       # where singlehtml puts everything
# The first page gets the book's title and authors, and contents that name
# the preface; which becomes a chapter like the others, one level below the
# title. What is folded away is open, and what is short stays in one piece.
PREPARE = """author => {
  const contents = document.querySelector("#jb-print-toc");
  document.querySelector("#jb-print-docs-body h1").textContent =
    document.title;
  contents.querySelector("h2").textContent = "Contents";
  contents.insertAdjacentHTML("beforebegin", `<p>${author}</p>`);
  contents.querySelector("nav").insertAdjacentHTML("afterbegin",
    '<ul><li class="toc-entry"><a href="#preface">Preface</a></li></ul>');
  for (const one of contents.querySelectorAll("[role]"))
    one.removeAttribute("role");            // parts begin on no page
  for (const one of contents.querySelectorAll("a"))
    one.insertAdjacentHTML("beforeend", "<span>0</span>");
  for (const one of document.querySelectorAll("article :is(h1, h2, h3, h4)")) {
    if (one.closest(".toctree-wrapper")) continue;
    const lower = document.createElement(`h${Number(one.tagName[1]) + 1}`);
    lower.append(...(one.tagName === "H1" ? ["Preface"] : one.childNodes));
    one.replaceWith(lower);
  }
  for (const one of document.querySelectorAll("details")) one.open = true;
  for (const one of document.querySelectorAll(
      "pre, .cell, .cell_input, .admonition, details, mjx-container, .math")) {
    const box = one.closest("details.hide, .sd-dropdown") ??
      one.closest(".cell_input") ?? one;  // else the box begins a page early
    if (box.offsetHeight < 260) one.style.breakInside = "avoid";
  }
}"""
LINKS = "#jb-print-toc a"


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


def pages_of(file, names):
    """The pages on which a PDF has these named places."""
    import pypdfium2 as pdfium
    with contextlib.closing(pdfium.PdfDocument(file)) as document:
        places = [pdfium.raw.FPDF_GetNamedDestByName(document, name.encode())
                  for name in names]
        return [pdfium.raw.FPDFDest_GetDestPageIndex(document, place) + 1
                for place in places]


def print_page(tab, page, out):
    """Chromium's print of a page of its own, into the file `out`.

    It prints twice, for the contents need the numbers of the pages. It does
    not say who wrote: the authors take the place of the browser's name, which
    is longer, so that no offset in the file changes.
    """
    author = yaml.safe_load(
        (ROOT / "book/_config.yml").read_text(encoding="utf-8"))["author"]
    tab.goto(page.as_uri())
    tab.evaluate("window.MathJax?.startup?.promise")
    tab.add_style_tag(path=ROOT / "book/paper.css")
    tab.evaluate(PREPARE, author)
    for _ in range(2):
        tab.pdf(path=out, format="A4", scale=0.75, outline=True, tagged=True,
                print_background=True, display_header_footer=True,
                header_template="<span></span>",
                footer_template="<div style='width: 100%; font-size: 11px; "
                "text-align: center' class='pageNumber'></div>",
                margin={"top": "16mm", "bottom": "18mm", "left": "20mm",
                        "right": "20mm"})
        links = tab.eval_on_selector_all(
            LINKS, "all => all.map(one => one.hash.slice(1))")
        tab.eval_on_selector_all(
            LINKS + " span", "(all, pages) => all.forEach((one, k) => "
            "{one.textContent = pages[k]})", pages_of(out, links))
    made = re.sub(rb"/Creator \((\\.|[^)])*\)", lambda found:
                  f"/Author ({author})".encode().ljust(len(found[0])),
                  Path(out).read_bytes(), count=1)
    Path(out).write_bytes(made)


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

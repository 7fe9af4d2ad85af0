"""The one page that is printed, whose links stay in their chapter; and the
print."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parent.parent / "book"
sys.path.insert(0, str(BOOK))

from browser import PROGRAMS  # noqa: E402
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


# ---- on paper -----------------------------------------------------------

MM = 72 / 25.4


def words(text):
    return re.sub(r"[\W_]+", " ", text).strip()


def pieces(raw, page):
    """(text, font, size, bounds) of what is written on a page, and
    (None, None, None, bounds) of pictures."""
    import ctypes
    text = page.get_textpage()
    for one in page.get_objects(max_depth=15):
        if one.type == raw.FPDF_PAGEOBJ_IMAGE:
            yield None, None, None, one.get_bounds()
        elif one.type == raw.FPDF_PAGEOBJ_TEXT:
            size, name = ctypes.c_float(), ctypes.create_string_buffer(200)
            raw.FPDFTextObj_GetFontSize(one, size)
            raw.FPDFFont_GetBaseFontName(raw.FPDFTextObj_GetFont(one), name,
                                         200)
            said = (ctypes.c_ushort * 400)()
            raw.FPDFTextObj_GetText(one, text, said, 800)
            yield ("".join(map(chr, said)).rstrip("\0"), name.value.decode(),
                   size.value * abs(one.get_matrix().d), one.get_bounds())


@pytest.mark.long
def test_the_book_on_paper(require, tmp_path):
    pdfium = require("pypdfium2")
    require("playwright.sync_api")
    if not any(map(shutil.which, PROGRAMS)):
        pytest.skip("no browser on the PATH")
    file = tmp_path / "book.pdf"
    subprocess.run([sys.executable, str(BOOK / "pdf.py"), "--out", str(file)],
                   check=True)
    document = pdfium.PdfDocument(file)
    about = document.get_metadata_dict()
    assert about["Title"] == "tinygen: image generation from scratch"
    assert about["Author"] == "The tinygen authors"
    # The contents: on the first page, with the pages where chapters begin
    first = document[0].get_textpage().get_text_bounded()
    listed = re.findall(r"^(\S.*?)\s+(\d+)\s*$", first, re.M)
    assert len(listed) >= 36 and listed[0][0] == "Preface"
    for title, number in listed:
        page = document[int(number) - 1].get_textpage().get_text_bounded()
        assert words(title) in words(page), (title, number)
    marks = {words(mark.get_title()): mark.get_dest().get_index() + 1
             for mark in reversed(list(document.get_toc()))}
    assert {title: marks[words(title)] for title, _ in listed} == {
        title: int(number) for title, number in listed}
    # Nothing is clipped, code is large enough, Chinese has letters, and
    # pages are full
    white = []
    for k in range(0, len(document), 4):
        width, height = document[k].get_size()
        lowest = height
        for said, font, size, (left, low, right, high) in pieces(
                pdfium.raw, document[k]):
            if high < 16 * MM:                          # the page's number
                continue
            assert left > 19 * MM and right < width - 19 * MM, (k + 1, said)
            if font == "":      # of a formula: its box is larger than it
                continue
            assert low > 17 * MM and high < height - 15 * MM, (k + 1, said)
            lowest = min(lowest, low)
            if said is not None and "Mono" in font:
                assert size > 7.9, (k + 1, said)
            if said and re.search("[\u4e00-\u9fff]", said):
                assert "NotoSansSC" in font, (k + 1, said)
        white.append((lowest - 18 * MM) / (height - 34 * MM))
    assert sum(white) / len(white) < 0.12
    document.close()

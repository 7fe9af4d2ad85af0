"""The rendered book: complete, self-contained, and made again the same."""

import functools
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
HTML = BOOK / "html"
PAGES = sorted(HTML.rglob("*.html"))
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src",
          "source": "src", "video": "src", "audio": "src", "embed": "src",
          "object": "data"}

pages = pytest.mark.parametrize(
    "path", PAGES, ids=lambda p: p.relative_to(HTML).as_posix())


@functools.cache
def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(path):
    return {"top"} | {e["id"] for e in soup(path).find_all(id=True)}


def files_under(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in folder.rglob("*") if p.is_file()}


def listed():
    """The files of the table of contents, in its order."""
    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("root", "file"):
                    yield value
                else:
                    yield from walk(value)
        elif isinstance(node, list):
            for item in node:
                yield from walk(item)
    return list(walk(yaml.safe_load(
        (BOOK / "_toc.yml").read_text(encoding="utf-8"))))


def test_the_contents_list_every_chapter_once():
    sources = {f"chapters/{p.stem}" for p in (ROOT / "chapters").iterdir()
               if p.suffix in (".ipynb", ".md")}
    assert sorted(listed()) == sorted(sources)


def test_the_page_of_public_names_is_up_to_date():
    done = subprocess.run(
        [sys.executable, "-c", "import api; print(api.page(), end='')"],
        cwd=BOOK, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    page = (ROOT / "chapters/api.md").read_text(encoding="utf-8")
    assert done.stdout == page, "run python book/api.py"


def test_every_public_name_says_what_it_is():
    page = (ROOT / "chapters/api.md").read_text(encoding="utf-8")
    empty = re.findall(r"### `(.*)`\n\n```text\n(?:.+\n)+\n```", page)
    assert empty == []


def test_every_chapter_is_rendered():
    missing = [name for name in listed()
               if not (HTML / f"{name}.html").exists()]
    assert missing == [], "run make book"


def test_the_tools_are_pinned():
    lines = (BOOK / "requirements.txt").read_text().splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", name) for name in names)


def test_only_what_a_reader_needs():
    unwanted = {".buildinfo", "_sources", ".doctrees", "objects.inv"}
    assert unwanted.isdisjoint(p.name for p in HTML.iterdir())
    assert (HTML / "searchindex.js").exists()


# ---- each page ----------------------------------------------------------

@pages
def test_a_page_loads_only_files_that_are_here(path):
    for element in soup(path).find_all(LOADED):
        address = element.get(LOADED[element.name])
        if not address or address.startswith(("data:", "#")):
            continue
        parts = urlsplit(address)
        assert not parts.scheme and not parts.netloc, f"{element}"
        assert (path.parent / unquote(parts.path)).exists(), f"{element}"


@pages
def test_links_within_the_book_lead_somewhere(path):
    for link in soup(path).find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path) if parts.path
                  else path).resolve()
        assert target.exists(), f"{link}"
        if parts.fragment and target.suffix == ".html":
            assert unquote(parts.fragment) in anchors(target), f"{link}"


@pages
def test_every_picture_says_what_it_shows(path):
    for image in soup(path).find_all("img"):
        alt = image.get("alt", "")
        assert alt and not alt.endswith((".png", ".svg", ".jpg")), f"{image}"


@pages
def test_mathematics_is_marked_for_the_vendored_mathjax(path):
    page = soup(path)
    if page.find(class_="math"):
        scripts = [s.get("src", "") for s in page.find_all("script")]
        assert any("_static/mathjax/tex-chtml-full.js" in s for s in scripts)


def test_style_sheets_ask_no_other_host():
    for path in HTML.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        asked = re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)]*",
                           text)
        assert asked == [], path.name


def test_the_fonts_of_mathematics_are_here():
    fonts = HTML / "_static/mathjax/output/chtml/fonts/woff-v2"
    assert len(list(fonts.glob("*.woff"))) == 23


# ---- made again ---------------------------------------------------------

@pytest.mark.long
def test_two_builds_are_the_same_and_are_what_is_committed(tmp_path):
    built = []
    for name in ("one", "two"):
        subprocess.run([sys.executable, str(BOOK / "build.py"), "--strict",
                        "--out", str(tmp_path / name)], check=True)
        built.append(files_under(tmp_path / name))
    assert built[0] == built[1]
    reference = (ROOT / ".python-version").read_text().strip()
    if sys.version.startswith(reference + "."):
        committed = files_under(HTML)
        differ = [name for name in sorted({*built[0], *committed})
                  if built[0].get(name) != committed.get(name)]
        assert differ == [], "run make book, and commit book/html"


@pytest.mark.long
def test_a_failed_build_leaves_the_pages_alone(tmp_path):
    broken = tmp_path / "repository"
    for name in ("_config.yml", "build.py", "references.bib"):
        target = broken / "book" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((BOOK / name).read_bytes())
    (broken / "book/_toc.yml").write_text("format: jb-book\nroot: none\n")
    page = broken / "book/html/index.html"
    page.parent.mkdir()
    page.write_text("as before")
    done = subprocess.run([sys.executable, str(broken / "book/build.py")],
                          capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert "The book was not rendered" in done.stderr
    assert page.read_text() == "as before"


# ---- README -------------------------------------------------------------

def test_the_readme_leads_to_files_that_are_here():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert "book/gallery.png" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_names_targets_of_the_makefile():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^    make ([a-z-]+)", text, re.M)) | set(
        re.findall(r"`(?:\w+=\w+ )?make ([a-z-]+)", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"book", "test", "exercises", "check"} <= named
    assert [n for n in named if not re.search(rf"^{n}:", makefile, re.M)] == []

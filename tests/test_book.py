"""The rendered book: complete, self-contained, and made again the same."""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
sys.path.insert(0, str(BOOK))

import chinese  # noqa: E402

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


# ---- nothing from another host ------------------------------------------

# Addresses that are names and never asked for, and comments. MathJax speaks
# of jsdelivr for readers who run its speech engine outside of MathJax.
NAMES = {"www.w3.org", "www.apache.org", "clipboardjs.com", "github.com",
         "developer.mozilla.org", "pydata-sphinx-theme.readthedocs.io",
         "www.mathjax.org"}
SPEECH = ["cdn.jsdelivr.net"] * 3
ASKING = ("src", "srcset", "poster", "background", "data", "action",
          "formaction", "ping", "xlink:href", "style", "content", "manifest")


def hosts(text):
    """The hosts of the addresses in a script or an attribute."""
    return re.findall(r"""(?:https?:|wss?:|["'(=]\s*)//([\w.-]+\.[a-z]{2,})""",
                      text)


def addresses(text):
    """What a style sheet asks for, without data: and what is quoted."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    asked = re.findall(r"url\(\s*['\"]?(.*?)['\"]?\s*\)", text)
    asked += re.findall(r"@import\s+['\"](.*?)['\"]", text)
    return [address for address in asked
            if not address.startswith(("data:", "#", "%23"))]


def test_addresses_are_found():
    assert hosts("fetch('//a.example.org/x'); x = \"https://b.org\"") == [
        "a.example.org", "b.org"]
    assert addresses("@import 'a.css'; b {c: url( \"//d.org/e\" )}"
                     "/* url(f) */ g {h: url(data:image/png,i)}") == [
        "//d.org/e", "a.css"]


@pages
def test_a_page_asks_no_other_host(path):
    for element in soup(path).find_all(True):
        said = [value for name, value in element.attrs.items() if (
            name in ASKING or name.startswith("on")
            or (name == "href" and element.name != "a"))]
        if element.name in ("script", "style"):
            said.append(element.get_text())
        assert hosts(str(said)) == [], element
        assert element.name not in ("base", "iframe", "object", "embed")
        assert not {"preconnect", "dns-prefetch", "prefetch"} & {
            *element.get("rel", [])}, element
        if element.name == "style" or element.has_attr("style"):
            assert addresses(str(said)) == [], element


def test_scripts_name_no_other_host():
    found = {}
    for path in HTML.rglob("*.js"):
        named = hosts(path.read_text(encoding="utf-8"))
        found[path.name] = [host for host in named if host not in NAMES]
    assert found.pop("tex-chtml-full.js") == SPEECH
    assert found.pop("runtime.js") == ["web.dev"]       # in a message
    assert {name: named for name, named in found.items() if named} == {}


@pytest.mark.parametrize("kind", ["css", "svg"])
def test_style_sheets_and_drawings_ask_only_files_that_are_here(kind):
    for path in HTML.rglob(f"*.{kind}"):
        text = path.read_text(encoding="utf-8")
        asked = addresses(text)
        if kind == "svg":
            asked += re.findall(r"href=['\"]([^#'\"][^'\"]*)", text)
        for address in asked:
            name = unquote(urlsplit(address).path)
            assert (path.parent / name).is_file(), (path.name, address)


@pages
def test_links_to_other_hosts_are_well_formed(path):
    for link in soup(path).find_all("a", href=True):
        parts = urlsplit(link["href"])
        if not parts.scheme and not parts.netloc:
            continue
        assert parts.scheme in ("https", "http"), f"{link}"
        assert re.fullmatch(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,}", parts.netloc)
        assert not re.search(r"[\s<>\"\\^`{|}]|[.,;]$", link["href"]), link
        assert link["href"].count("(") == link["href"].count(")"), f"{link}"


def test_the_search_knows_every_page():
    text = (HTML / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)\s*", text,
                                    re.S)[1])
    assert set(index["docnames"]) == set(listed())
    for name in index["docnames"]:
        assert (HTML / f"{name}.html").is_file()
    for word in ("convolut", "discrimin", "encod"):
        places = index["terms"][word]
        assert places and set([places] if isinstance(places, int)
                              else places) <= set(range(len(listed())))


def test_the_fonts_of_mathematics_are_here():
    fonts = HTML / "_static/mathjax/output/chtml/fonts/woff-v2"
    assert len(list(fonts.glob("*.woff"))) == 23


def test_the_chinese_that_is_quoted_has_its_letters_here():
    known = set(TTFont(chinese.FONT).getBestCmap())
    missing = "".join(map(chr, chinese.quoted() - known))
    assert missing == "", "make the font again: see book/chinese.py"
    sheet = (BOOK / "_vendor/book.css").read_text(encoding="utf-8")
    ranges = [[int(end, 16) for end in pair.split("-")] for pair in
              re.findall(r"U\+(\w+-\w+)", sheet)]
    assert [chr(c) for c in known if not any(
        low <= c <= high for low, high in ranges)] == []
    assert chinese.FONT.stat().st_size < 100_000
    terms = chinese.FONT.with_suffix(".LICENSE").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE" in terms


@pages
def test_chinese_is_said_to_be_chinese(path):
    for text in soup(path).find_all(string=re.compile("[\u2e80-\u9fff]")):
        assert text.find_parent(lang="zh"), text


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

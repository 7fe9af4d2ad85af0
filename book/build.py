"""Render the chapters, from their stored outputs, into book/html.

    python book/build.py [--strict] [--open] [--out FOLDER]

--strict makes warnings fatal, --open shows the book in a browser, --out
renders somewhere else. Two builds of one source are byte-identical, on one
Python and one set of versions (book/requirements.txt): so nothing is kept
from an earlier build, and what differs between machines is left out.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import webbrowser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
# Of no use to a reader: Sphinx's own records, the themes' source maps,
# translations and templates
LEFT_OUT = (".buildinfo", ".doctrees", "_sources", "objects.inv",
            "_static/locales", "_static/**/*.map",
            "_static/*-macros.html")
# In the text, not in a tag: a screen reader has another voice for it
CHINESE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]+(?![^<>]*>)")


def render(folder, strict, builder="html"):
    """Run Jupyter Book; returns the folder of pages."""
    command = [
        sys.executable, "-c", JUPYTER_BOOK, "build", str(ROOT),
        "--config", str(ROOT / "book/_config.yml"),
        "--toc", str(ROOT / "book/_toc.yml"), "--path-output", str(folder),
        "--builder", builder, "-n", "-q"]
    if strict:
        command += ["-W", "--keep-going"]
    # Time and hash seed would else reach the pages
    fixed = {"SOURCE_DATE_EPOCH": "1767225600", "PYTHONHASHSEED": "0",
             "PYTHONUTF8": "1", "PYTHONWARNINGS": "ignore",
             "PYTHONPATH": str(ROOT / "book")}              # printing.py
    done = subprocess.run(command, cwd=ROOT, env=os.environ | fixed,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", check=False)
    pages = folder / "_build" / builder
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)      # no colours
    if done.returncode or not (pages / "index.html").exists():
        print(said)
        raise SystemExit("The book was not rendered: see the lines above. "
                         "The former pages are as they were.")
    for line in said.splitlines():
        if "WARNING" in line or "ERROR" in line:
            print(line)
    return pages


def install(pages, target):
    """Put the pages in place of the former ones."""
    for path in [p for name in LEFT_OUT for p in pages.glob(name)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in pages.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        text = CHINESE.sub(r'<span lang="zh">\g<0></span>', text)
        path.write_text(text.replace('role="doc-biblioentry"',  # deprecated
                                     'role="listitem"'),
                        encoding="utf-8", newline="\n")
    (pages / ".nojekyll").touch()       # GitHub: serve _static as it is
    for path in pages.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(pages, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "book/html")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        install(render(Path(folder), given.strict), given.out)
    page = (given.out / "index.html").resolve()
    print(f"The book: {page.as_uri()}")
    if given.open:
        webbrowser.open(page.as_uri())


if __name__ == "__main__":
    main()

"""Make book/_vendor/chinese.woff: the Chinese letters that the book quotes.

    python book/chinese.py PACKAGE

Few machines outside of China have them all. PACKAGE is the unpacked npm
package @fontsource/noto-sans-sc (`npm pack` fetches it); of its 7,946
characters the few hundred that stand in the book are kept, with their licence
beside them.
"""

import argparse
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

BOOK = Path(__file__).resolve().parent
FONT = BOOK / "_vendor/chinese.woff"
FIRST = 0x2E80          # from here on, Unicode is East Asian


def quoted():
    """The code points of the Chinese characters in the book."""
    chapters = BOOK.parent / "chapters"
    letters = set().union(*(
        path.read_text(encoding="utf-8")
        for path in (*chapters.glob("*.ipynb"), *chapters.glob("*.md"),
                     BOOK / "references.bib")))
    return {ord(c) for c in letters if ord(c) >= FIRST}


def make(package):
    """Write the font and its licence."""
    font = TTFont(package / "files/noto-sans-sc-chinese-simplified-400-"
                            "normal.woff", recalcTimestamp=False)
    cutter = Subsetter(Options(layout_features=[], hinting=False,
                               drop_tables=["BASE", "GSUB", "GPOS", "GDEF",
                                            "STAT", "vhea", "vmtx"]))
    cutter.populate(unicodes=quoted())
    cutter.subset(font)
    font.flavor = "woff"
    font.save(FONT)
    terms = (package / "LICENSE").read_text(encoding="utf-8")
    FONT.with_suffix(".LICENSE").write_text(
        f"Noto Sans SC {font['name'].getDebugName(5)}, cut down to the "
        f"letters of this book\n{font['name'].getDebugName(0)}\n\n{terms}",
        encoding="utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    make(parser.parse_args().package)

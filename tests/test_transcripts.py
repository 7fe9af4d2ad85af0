"""The transcript of section 4.1 is the output of its script. The script needs
TensorFlow to run; that it fits its output is seen without."""

import re
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "chapters" / "transcripts"
SCRIPT = runpy.run_path(str(FOLDER / "listing_4_1_keras.py"))
TEXT = (FOLDER / "listing_4_1_keras.txt").read_text(encoding="utf-8")


def steps():
    return re.findall(r"^step (\d+): (.*)$", TEXT, re.M)


def test_it_names_the_versions():
    assert re.match(r"TensorFlow 2\.\d+\.\d+, Keras 3\.\d+\.\d+, "
                    r"Python 3\.\d+\.\d+\n", TEXT)


def test_it_has_each_step_of_the_script():
    changes = ["the listing as it is printed",
               *(words for words, *_ in SCRIPT["MENDS"])]
    assert steps() == [(str(k), words) for k, words in enumerate(changes)]


def test_each_step_names_a_line_of_its_listing():
    listings = list(SCRIPT["versions"]())
    parts = re.split(r"^step \d+: .*\n", TEXT, flags=re.M)[1:]
    assert len(listings) == len(parts)
    for listing, part in zip(listings, parts):
        if found := re.search(r"line (\d+).*:\n((?: {6}.*\n)+)", part):
            line = listing.splitlines()[int(found[1]) - 1]
            assert found[2].split() == line.split()
        else:
            assert "no error" in part


def test_it_has_no_paths_and_fits_the_page():
    assert "/" not in TEXT and "site-packages" not in TEXT
    assert max(map(len, TEXT.splitlines())) <= 79


def test_a_mend_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="not in the listing: 'no such"):
        SCRIPT["mended"](SCRIPT["LISTING"], [("no such text", "")])

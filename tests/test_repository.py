"""What is committed holds no secret, and nothing of a machine it was made on.
"""

import base64
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECRETS = {
    "private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY",
    "AWS key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": rb"\b(?:gh[pousr]_\w{36}|github_pat_\w{22})",
    "other token": rb"\b(?:xox[abprs]-[\w-]{10}|hf_[A-Za-z]{30}|pypi-AgE"
                   rb"|npm_\w{36}|sk-[A-Za-z0-9_-]{32}|AIza[\w-]{35})",
    "token in JSON": rb"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.",
    "password in an address": rb"\b[a-z]+://[^/\s:@\"'<>]+:[^/\s@\"'<>]+@",
    "somebody's folder": rb"(?<![\w.])/(?:root|home/\w+|Users/\w+)/\w",
    "somebody's folder on Windows": rb"\b[A-Z]:\\+Users\\+\w",
    "temporary folder": rb"/tmp/(?:ipykernel_\d{3}|tmp\w{8}|pytest-of)",
    "address of a person": rb"(?<![\w.+\\-])[\w.+-]+@[\w-]+\.(?!example\b)"
                           rb"[a-z]{2,}\b(?<!git@github\.com)",
}

# Without one of these in it, a content is not searched: 70 MB are
MARKS = {
    "AWS key": (b"AKIA", b"ASIA"),
    "GitHub token": (b"ghp_", b"gho_", b"ghu_", b"ghr_", b"ghs_", b"_pat_"),
    "other token": (b"xox", b"hf_", b"pypi-AgE", b"npm_", b"sk-", b"AIza"),
    "token in JSON": (b"eyJ",),
    "password in an address": (b"://",),
    "somebody's folder": (b"/root/", b"/home/", b"/Users/"),
    "somebody's folder on Windows": (b"\\Users\\",),
    "address of a person": (b"@",),
}


def found(content):
    """{kind: the first piece of `content` that looks like a secret}."""
    hits = {kind: re.search(pattern, content)
            for kind, pattern in SECRETS.items()
            if any(mark in content for mark in MARKS.get(kind, [b""]))}
    return {kind: hit[0] for kind, hit in hits.items() if hit}


def git(*words):
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip("not a clone")
    return done.stdout


def pictures(notebook):
    """The bytes of the figures stored in a notebook."""
    for cell in json.loads(notebook)["cells"]:
        for output in cell.get("outputs", []):
            for kind, text in output.get("data", {}).items():
                if kind in ("image/png", "image/jpeg"):
                    yield base64.b64decode("".join(text))


@pytest.mark.parametrize("text", [
    "-----BEGIN RSA PRIVATE KEY", "AKIA" + "A1" * 8, "ghp_" + "a" * 36,
    "https://me:word@host.org", "/home/" + "me/x", "C:\\Users\\" + "me",
    "C:\\\\Users\\\\" + "me", "me@" + "mail.org", "sk-" + "a" * 32,
    "/tmp/ipykernel_" + "1234/5.py", "eyJ" + "a" * 10 + ".eyJ" + "a" * 10
    + ".", "hf_" + "a" * 30, "npm_" + "a" * 36, "AIza" + "a" * 35,
    "pypi-" + "AgE", "xoxb-" + "1" * 10, "ASIA" + "1" * 16,
    "github_pat_" + "a" * 22, *(f"gh{x}_" + "a" * 36 for x in "ousr")])
def test_a_secret_is_found(text):
    assert found(f"so {text} it is".encode())


def test_nothing_committed_is_secret():
    told = {}
    for name in git("ls-files", "-z").decode().split("\0"):
        path = ROOT / name
        if not path.is_file() or path == Path(__file__):
            continue
        content = path.read_bytes()
        hits = found(content)
        if path.suffix == ".ipynb":
            for picture in pictures(content):
                hits |= found(picture)
        if "/mathjax/" in name or "_static" in name:
            hits.pop("address of a person", None)  # of their authors
        if hits:
            told[name] = hits
    assert told == {}


def test_no_place_of_this_machine_is_committed():
    places = {str(ROOT), str(Path.home())} - {"/", "/root"}
    for name in git("ls-files", "-z", "*.ipynb", "*.html", "*.json",
                    "*.csv", "*.js").decode().split("\0"):
        if (ROOT / name).is_file():
            text = (ROOT / name).read_text(encoding="utf-8")
            assert not [p for p in places if p + "/" in text], name
            assert not re.search(r"(?<!\w)/work/", text), name


def test_notebooks_tell_nothing_of_who_ran_them():
    for path in (ROOT / "chapters").glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert set(notebook["metadata"]) <= {
            "kernelspec", "language_info", "jupytext", "mystnb"}, path.name
        kernel = notebook["metadata"].get("kernelspec", {})
        assert kernel.get("name", "python3") == "python3", path.name


@pytest.mark.long
def test_nothing_in_the_history_is_secret():
    names = git("rev-list", "--objects", "HEAD").decode().splitlines()
    blobs = dict(line.split(" ", 1) for line in names if " " in line)
    texts = [sha for sha, name in blobs.items() if not name.startswith(
        ("book/html/_static", "book/_vendor", "tests/test_repository"))]
    done = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=ROOT, check=True,
        input="\n".join(texts).encode(), stdout=subprocess.PIPE)
    assert len(texts) > 300 and found(done.stdout) == {}

"""Install tinygen as strangers do, and look whether it works.

    python tests/reliability/installs.py [--python PATH ...]
        [--source clone|sdist|wheel ...] [--lowest] [--compile]
        [--work FOLDER]

For each Python and source: a fresh virtual environment, pip, and then the
tour, from an empty folder: the smallest tests, three trainings, samples, an
evaluation, an answer's check and the doctor. A wheel compiles its kernels;
for the others, of the same files, only the doctor compiles one (--compile:
all). --lowest takes the versions in tests/lowest.txt instead of the newest. A
line for each, as it is done; exit code 1 if a step failed. Needs only Python,
and `build` for sdist and wheel.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("import platform, numpy, numba, matplotlib; print("
            "platform.python_version(), 'numpy', numpy.__version__, 'numba',"
            " numba.__version__, 'matplotlib', matplotlib.__version__)")
ANSWER = """def image_digits(h, w, c, levels):
    total, n = levels ** (h * w * c), 0
    while total:
        total //= 10 ** 100
        n += 100
    total, n = levels ** (h * w * c), n - 100
    return n + len(str(total // 10 ** n))
"""
CHECK = ("from tinygen.exercises import finding; print(finding.report_on("
         "'image_digits', finding.places('answer.py')).verdict)")
GAN = "-m tinygen train gan --steps 4 --batch 8 --width 8 --out gan"
PLAIN = {"TINYGEN_KERNELS": "plain"}
TOUR = {  # what it is: arguments of Python, what must be said
    "tests": ("-m pytest -q -p no:cacheprovider test_tiny.py", "passed"),
    "gan": (GAN, "trained up to step 4"),
    "resume": (GAN.replace("steps 4", "steps 6") + " --resume", "step 6"),
    "vae": ("-m tinygen train vae --steps 2 --batch 8 --out vae", "step 2"),
    "cyclegan": ("-m tinygen train cyclegan --steps 2 --batch 1 --width 8 "
                 "--out cyclegan", "step 2"),
    "sample": ("-m tinygen sample gan --n 9 --out grid.png", "9 images"),
    "evaluate": ("-m tinygen evaluate gan --n 64", "FID"),
    "check": (CHECK, "solved"),
    "doctor": ("-m tinygen doctor", "kernels"),
}


def clean():
    """The environment, without what would lead Python elsewhere."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("PYTHON", "TINYGEN", "NUMBA", "VIRTUAL"))}


def run(*command, cwd, env=None):
    """(exit code, all that it says)."""
    done = subprocess.run([str(word) for word in command], cwd=cwd,
                          env=env or clean(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8",
                          errors="replace", check=False)
    return done.returncode, done.stdout


def must(*command, cwd):
    code, said = run(*command, cwd=cwd)
    if code:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code "
                           f"{code}\n{said[-3000:]}")
    return said


def clone(place):
    """What is committed, as git gives it to others."""
    must("git", "clone", "--quiet", ROOT, place, cwd=ROOT)
    return place


def built(folder):
    """{"sdist": path, "wheel": path} of what is committed."""
    source = clone(folder / "source")
    must(sys.executable, "-m", "build", "--outdir", folder / "dist", source,
         cwd=folder)
    sdist, = (folder / "dist").glob("*.tar.gz")
    wheel, = (folder / "dist").glob("*.whl")
    return {"sdist": sdist, "wheel": wheel}


def installed(python, source, folder, lowest):
    """The Python of a new environment that has tinygen and pytest."""
    must(python, "-m", "venv", folder / "venv", cwd=folder)
    ours = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    ours = ours / "python"
    # A clone takes all that its notebooks need, as `make venv` does
    what = ["-r", "requirements.txt"] if source.is_dir() else [source]
    versions = ["-c", ROOT / "tests/lowest.txt"] if lowest else []
    must(ours, "-m", "pip", "install", "--quiet", *versions, *what,
         "pytest>=8", cwd=source if source.is_dir() else folder)
    return ours


def tour(python, folder, env):
    """{step: what went wrong} in an empty folder, with these variables
    besides; {} is well."""
    here = Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(ROOT / "tests/test_tiny.py", here)
    (here / "answer.py").write_text(ANSWER, encoding="utf-8")
    failed = {}
    for step, (arguments, expected) in TOUR.items():
        words = ["-c", arguments] if step == "check" else arguments.split()
        more = {} if step == "doctor" else env
        code, said = run(python, *words, cwd=here, env=clean() | more)
        if code or expected not in said or "Traceback" in said:
            failed[step] = f"exit code {code}\n{said[-2000:]}"
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", nargs="+", default=[sys.executable])
    parser.add_argument("--source", nargs="+", default=["clone", "sdist",
                                                        "wheel"])
    parser.add_argument("--lowest", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    wrong = 0
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        folder = Path(folder)
        sources = {} if given.source == ["clone"] else built(folder)
        for name in given.python:
            for kind in given.source:
                start, own = time.monotonic(), Path(tempfile.mkdtemp(
                    dir=folder))
                failed, what = {}, name
                try:
                    python = installed(name, sources.get(kind) or clone(
                        own / "clone"), own, given.lowest)
                    what = must(python, "-c", VERSIONS, cwd=own).strip()
                    failed = tour(python, own, {} if given.compile or kind
                                  == "wheel" else PLAIN)
                except RuntimeError as error:
                    failed["install"] = str(error)
                shutil.rmtree(own)
                wrong += bool(failed)
                print(f"{'FAILED' if failed else 'ok':6} {kind:5} {what} "
                      f"({time.monotonic() - start:.0f} s)", flush=True)
                for step, said in failed.items():
                    print(f"  {step}: {said}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

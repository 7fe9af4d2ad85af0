"""python -m tinygen doctor: what is wrong with a set-up, and what to do.

tinygen/__init__.py calls it before it imports anything: it speaks where NumPy
is missing or Python is too old. So its top needs no module but these, and no
syntax that Python 3.8 does not have.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# As in pyproject.toml
NEEDS = {"numpy": "2.0", "numba": "0.61", "scipy": "1.13",
         "threadpoolctl": "3.5", "matplotlib": "3.9", "pillow": "10.3",
         "safetensors": "0.4.3"}
READERS = ("notebook", "ipykernel", "nbclient", "pytest", "jupyter-book")
MODULES = {"pillow": "PIL"}
SETTINGS = {"TINYGEN_" + name for name in (
    "CACHE", "DATA", "FAST", "KERNELS", "PROGRESS", "REQUIRE", "THREADS",
    "WIDGETS")}
MEMORY, DISK = 500, 200     # MB that must be free; a GAN trains in 273


class Ill(Exception):
    """What is wrong, and what to do."""


def doctor():
    """A line for each thing that the book needs; returns 1 if one is wrong.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    ill = 0
    for name, look in looks().items():
        try:
            said = look()
        except Ill as error:
            said, ill = f"WRONG: {error}", 1
        except Exception as error:  # whatever it is, the rest is looked at
            said, ill = f"WRONG: {first_line(error)}", 1
        try:
            print(f"{name:13} {said}", flush=True)
        except OSError:     # | head: it has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            break
        if name == "python" and ill:  # what follows would only be confusing
            break
    return ill


def looks():
    """{what is looked at: function}, in the order in which things depend."""
    return {"python": python, "own files": own_files, "settings": settings,
            **{name: lambda name=name: package(name) for name in NEEDS},
            "tinygen": tinygen, "kernels": kernels, "kept in": kept_in,
            "notebooks": notebooks, "memory": memory,
            "this folder": this_folder, "temporary": temporary,
            "cache": cache, "mnist": mnist}


# ---- Python and its packages ----------------------------------------------

def python():
    """The version, and which one of those on this machine it is."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036
        raise Ill(f"{version} is too old: "
                  + unless_book("use Python 3.11 or newer"))
    if sys.implementation.name != "cpython":
        raise Ill(f"{sys.implementation.name} has no Numba: take CPython")
    if sys.maxsize < 2 ** 32:
        raise Ill("32 bits are too few for Numba: install a 64-bit Python")
    if not __debug__:
        raise Ill("-O or PYTHONOPTIMIZE takes out what the tests assert: "
                  "start Python without")
    if environment():
        version += f", not the book's, which is {environment()}"
    return f"{version}: {sys.executable}"


def environment():
    """The Python in .venv, if there is one and this is another."""
    folder = os.path.join(ROOT, ".venv")
    if not os.path.isdir(folder) or (
            os.path.realpath(sys.prefix) == os.path.realpath(folder)):
        return None
    return os.path.join(folder, *(["Scripts", "python.exe"] if os.name == "nt"
                                  else ["bin", "python"]))


def unless_book(mend):
    """The mend, or the Python in .venv if there is one."""
    if environment():
        return f"use the book's Python, {environment()}"
    return mend


def install(what):
    return unless_book(f"run {sys.executable} -m pip install --upgrade {what}")


def own_files():
    """No file of the reader's is taken for a module of Python's."""
    known = {*getattr(sys, "stdlib_module_names", ()),
             *(MODULES.get(name, name) for name in NEEDS)}
    known -= {"test", "this", "antigravity"}  # nobody imports these
    files = {name + ".py" for name in known | {"tinygen"}}
    folders = [os.path.abspath(folder) for folder in (
        *sys.path, os.path.join(ROOT, "answers"))]
    for folder in filter(os.path.isdir, dict.fromkeys(folders)):
        if any(part in folder for part in (
                os.path.dirname(os.__file__), "-packages")):
            continue  # Python's own
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if name in files or name in known and os.path.isfile(
                    os.path.join(path, "__init__.py")):
                sys.path[:] = [place for place in sys.path  # for what follows
                               if os.path.abspath(place) != folder]
                raise Ill(f"{path} is imported in place of the module of "
                          "that name: rename it")
    return "none in the way of a module"


def settings():
    """The variables TINYGEN_..., none misspelt."""
    given = {name: value for name, value in os.environ.items()
             if name.startswith("TINYGEN_")}
    for name in sorted(given.keys() - SETTINGS):
        raise Ill(f"{name} is none of tinygen's: there are "
                  + ", ".join(sorted(SETTINGS)))
    return ", ".join(map("=".join, sorted(given.items()))) or "none"


def package(name):
    """The version, high enough, of a package that can be imported."""
    from importlib import import_module, metadata
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        raise Ill(f"not installed: {install(name)}") from None
    if numbers(version) < numbers(NEEDS[name]):
        raise Ill(f"{version} is too old, {NEEDS[name]} is needed: "
                  + install(name))
    try:
        import_module(MODULES.get(name, name))
    except Exception as error:
        raise Ill(f"{version} cannot be imported ({first_line(error)}): "
                  + install(f"--force-reinstall {name}")) from None
    return version


def numbers(version):
    """"2.0.1rc1" -> [2, 0, 1], to compare."""
    import re
    return [int(n) for n in re.findall(r"\d+", version)[:3]]


def first_line(error):
    return next(filter(None, str(error).splitlines()), type(error).__name__)


# ---- tinygen --------------------------------------------------------------

def tinygen():
    """Where it is, with the files that are no Python."""
    folder = os.path.join(ROOT, "tinygen", "metrics")
    for name in ("report.html", "weights/mnist.safetensors",
                 "weights/sprites.safetensors"):
        if not os.path.isfile(os.path.join(folder, name)):
            raise Ill(f"{folder} lacks {name}: install tinygen again")
    return os.path.dirname(folder)


def kernels():
    """One is compiled, or read from the disk, and computes."""
    import warnings

    import numpy as np
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said here
        from tinygen.engine import kernels
    p, g, m = np.ones((3, 1, 2))
    try:
        kernels.sgd_update(p, g, m, 0.5, 0.0)
    except Exception as error:
        raise Ill(f"Numba cannot compile ({first_line(error)}): go on with "
                  "TINYGEN_KERNELS=plain, several times slower, or "
                  + install("numba llvmlite")) from None
    if (p != 0.5).any():
        raise Ill(f"1 - 0.5 is {p[0, 0]}: "
                  + install("--force-reinstall numba"))
    if kernels.PATH == "numba":
        from tinygen.engine.kernels.threads import THREADS
        return (f"numba, {THREADS} threads for {os.cpu_count()} processors, "
                "one for NumPy's own products")
    if "TINYGEN_KERNELS" in os.environ:
        return ("NumPy alone, in one thread, several times slower "
                "(TINYGEN_KERNELS)")
    raise Ill("NumPy alone, several times slower, since Numba cannot be "
              f"imported: {install('numba')}")


def kept_in():
    """Where compiled kernels wait for the next process."""
    from tinygen.engine import kernels
    if kernels.PATH != "numba":
        return "nothing to keep"
    from tinygen.engine.kernels.compiling import KERNELS
    from tinygen.files import writable_folder
    try:
        place = KERNELS[0]._cache.cache_path
        if place:
            return str(writable_folder(place))
        reason = "neither beside the source nor at home"
    except OSError as error:
        reason = first_line(error)
    raise Ill(f"nowhere, so that each start compiles for half a minute "
              f"({reason}): set NUMBA_CACHE_DIR to a folder that can be "
              "written to")


def notebooks():
    """What runs chapters and exercises, in this Python."""
    if not os.path.isdir(os.path.join(ROOT, "chapters")):
        return "not in an installed package: clone the repository for them"
    import warnings
    from importlib import metadata
    missing = []
    for name in READERS:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        raise Ill(f"{', '.join(missing)} not installed: "
                  + install(f"-r {os.path.join(ROOT, 'requirements.txt')}"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no home: not the matter here
        from jupyter_client.kernelspec import KernelSpecManager
        kernel = KernelSpecManager().get_kernel_spec("python3")
    program = kernel.argv[0]
    if os.path.isabs(program) and not program.startswith(sys.prefix + os.sep):
        raise Ill(f"Jupyter starts another Python, {program}: delete "
                  f"{kernel.resource_dir}, or run {sys.executable} -m "
                  "ipykernel install --user")
    return f"Jupyter's kernel is {kernel.display_name}, this one"


# ---- the machine ----------------------------------------------------------

def memory():
    """What is free, where the system says so."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            free, = (int(line.split()[1]) >> 10 for line in file
                     if line.startswith("MemAvailable"))
    except (OSError, ValueError):
        return "unknown"
    if free < MEMORY:
        raise Ill(f"{free} MB are free, {MEMORY} are needed: close other "
                  "programs")
    return f"{free} MB free"


def this_folder():
    """Where one stands can be written to, and has room."""
    import shutil

    from tinygen.files import writable_folder
    try:
        here = writable_folder(os.getcwd())
    except FileNotFoundError:
        raise Ill("it has been deleted: cd to another") from None
    free = shutil.disk_usage(here).free >> 20
    if free < DISK:
        raise Ill(f"{free} MB are free on the disk of {here}, {DISK} are "
                  "needed: make room")
    return f"{here}, writable, {free} MB free"


def temporary():
    """Where checks put what they need for a moment."""
    import tempfile
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        raise Ill("no folder for temporary files can be written to: set "
                  "TMPDIR to one") from None


def cache():
    """Where a download of the digits would go."""
    from tinygen import data
    from tinygen.files import writable_folder
    try:
        return f"{writable_folder(data.cache_folder())}, writable"
    except (OSError, RuntimeError) as error:  # no home
        raise Ill(f"{first_line(error)}: set TINYGEN_CACHE to a folder that "
                  "can be written to") from None


def mnist():
    """The digits, if they are here, as they were published."""
    from tinygen import data
    given = os.environ.get("TINYGEN_DATA")
    if given and not os.path.isdir(os.path.join(given, "mnist")):
        raise Ill(f"TINYGEN_DATA is {given}, which holds no folder mnist: "
                  "set it to the folder that does")
    here = [data.find_mnist(name) for name in data.MNIST_FILES]
    if not all(here):
        return "not here: downloaded when it is first used"
    for split in ("train", "test"):
        data.mnist(split)
    return f"{here[0].parent}, intact"

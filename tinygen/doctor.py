"""python -m tinygen doctor: is everything in place?"""

import platform
from importlib import metadata
from pathlib import Path

from tinygen import data
from tinygen.engine import kernels
from tinygen.files import writable_folder


def doctor():
    """A line for each thing that the book needs; returns 1 if one lacks."""
    here = [data.find_mnist(name) for name in data.MNIST_FILES]
    lines = {
        "python": platform.python_version,
        **{name: lambda name=name: metadata.version(name) for name in (
            "numpy", "numba", "matplotlib", "pillow", "safetensors")},
        "kernels": lambda: f"{kernels.PATH}, {threads(kernels.PATH)}",
        "this folder": lambda: f"{writable_folder(Path.cwd())}, writable",
        "cache": lambda: f"{writable_folder(data.cache_folder())}, writable",
        "mnist": lambda: str(here[0].parent) if all(here) else
        "not here: downloaded when it is first used"}
    ill = 0
    for name, look in lines.items():
        try:
            print(f"{name:12} {look()}")
        except (OSError, metadata.PackageNotFoundError) as error:
            print(f"{name:12} MISSING: {error}")
            ill = 1
    return ill


def threads(path):
    """How many threads the kernels use, in words."""
    if path != "numba":
        return "NumPy alone (TINYGEN_KERNELS)"
    from tinygen.engine.kernels.threads import THREADS
    return f"{THREADS} threads"

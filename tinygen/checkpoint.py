"""A model in one file: arrays in safetensors, the rest as JSON beside them.

The format holds numbers and text only: opening a file runs no code from it.
"""

import json
import zlib
from pathlib import Path

import numpy as np

from .files import check_size, replacing

FORMAT = 2      # 1 had no checksum: such files load, unchecked
# What training asks of these entries of the header, if they are there
KINDS = {"model": str, "config": dict, "part": str, "note": dict,
         "fixed": dict, "columns": list, "step": int, "seconds": (int, float),
         "rng": dict, "batches": (dict, list)}
MEND = "train a new one, or copy the file again from where it came"


def save(path, arrays, meta, half=False):
    """Write `arrays` (name -> ndarray) and `meta` (a dict for JSON) to path.

    meta names the model and its config: {"model": "gan", "config": {...}}.
    half: floats as float16, for weights that are only sampled from. The file
    is replaced as a whole: a crash or a full disk leaves the old one.
    ValueError: an array that holds NaN or infinity.
    """
    from safetensors.numpy import save as to_bytes
    stored = {}
    for name, array in arrays.items():
        if half and array.dtype.kind == "f":
            with np.errstate(over="ignore"):  # infinity, refused below
                array = array.astype(np.float16)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity: not saved to "
                             f"{path}")
        stored[name] = np.asarray(array, order="C")
    header = json.dumps({**meta, "format": FORMAT}, sort_keys=True)
    crc = checksum(header, stored)
    header = f'{{"crc32": "{crc}", {header[1:]}'
    with replacing(path) as part:
        part.write_bytes(to_bytes(stored, {"tinygen": header}))


def checksum(header, arrays):
    """Of all that a file holds: its header but for this, and its arrays."""
    crc = zlib.crc32(header.encode())
    for name in sorted(arrays):
        array = arrays[name]
        crc = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), crc)
        crc = zlib.crc32(array, crc)
    return f"{crc:08x}"


def load(path):
    """(arrays, meta) as given to save(); float16 comes back as float32.

    FileNotFoundError: no such file. ValueError: cut short or altered, not a
    checkpoint of tinygen's, or written by a newer version.
    """
    from safetensors import SafetensorError, safe_open
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}: name a "
                                "run's folder or a .safetensors file")
    check_size(path, 1 << 33)
    try:
        with safe_open(path, "np") as file:
            header = (file.metadata() or {}).get("tinygen")
            meta, version = _read_header(path, header)
            arrays = {name: _tensor(path, file, name) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"{path} is cut short or no checkpoint "
                         f"({error}): {MEND}") from None
    crc = meta.pop("crc32", None)
    if (crc or version > 1) and crc != checksum(
            "{" + header.partition(", ")[2], arrays):
        raise ValueError(f"{path} is damaged (its checksum does not fit what "
                         f"it holds): {MEND}")
    for name, array in arrays.items():
        if array.dtype == np.float16:
            arrays[name] = array.astype(np.float32)
    return arrays, meta


def _tensor(path, file, name):
    """An array of the file. ValueError for one that NumPy cannot hold."""
    from safetensors import SafetensorError
    try:
        return file.get_tensor(name)
    except (SafetensorError, MemoryError):
        raise
    except Exception as error:  # of many kinds: for bfloat16 a TypeError
        raise ValueError(f"{path} was not written by tinygen ({name}: "
                         f"{error}): {MEND}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":    # of safetensors
            raise
        raise MemoryError(f"{name} of {path} does not fit") from None


def _read_header(path, header):
    try:
        meta = json.loads(header)
        version = meta.pop("format")
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        raise ValueError(f"{path} was not written by tinygen: {MEND}"
                         ) from None
    if version not in range(1, FORMAT + 1):
        raise ValueError(f"{path} has format {version}, this tinygen reads "
                         f"up to {FORMAT}: install the newer tinygen")
    _check_kinds(path, meta, KINDS)
    places = meta.get("batches", {})
    for place in places if isinstance(places, list) else [places]:
        _check_kinds(path, {"batches": place}, {"batches": dict})
        _check_kinds(path, place, {"position": int})
    return meta, version


def _check_kinds(path, entries, kinds):
    """ValueError for an entry, if it is there, of another kind."""
    for key, kind in kinds.items():
        if key in entries and not isinstance(entries[key], kind):
            raise ValueError(f"{path} was not written by tinygen ({key} is a "
                             f"{type(entries[key]).__name__}): {MEND}")


def check_model(path, meta, name, config):
    """ValueError unless the file at path is of this model and config."""
    if meta.get("model") != name:
        raise ValueError(f"{path} holds a {meta.get('model')!r} model, not "
                         f"{name!r}: choose another file or folder")
    stored = meta.get("config", {})
    config = json.loads(json.dumps(config))  # tuples become lists
    for key in sorted(stored.keys() | config.keys()):
        if stored.get(key) != config.get(key):
            raise ValueError(
                f"{path} was trained with {key}={stored.get(key)!r}, the "
                f"model here has {key}={config.get(key)!r}: build the model "
                "with the config in the file")

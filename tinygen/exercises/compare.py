"""Comparing an answer's result with what is right, and saying both.

NumPy's functions are bound here, before any answer runs: replacing
np.allclose changes nothing.
"""
import copy
from numbers import Number
from types import (
    BuiltinFunctionType,
    CoroutineType,
    FunctionType,
    GeneratorType,
)

from numpy import (
    abs,
    argwhere,
    array,
    array2string,
    asarray,
    finfo,
    isfinite,
    isnan,
    ndarray,
    sctypeDict,
)

from ..engine.autograd import Tensor

SMALL = 24  # arrays of up to so many numbers are printed in full
USUAL = {bool, int, float, complex, str, bytes, slice, range, type(None),
         FunctionType, BuiltinFunctionType, *sctypeDict.values()}
# How a subclass of these becomes the thing itself
BASES = ((dict, dict.copy), (list, list.copy), (str, str.__str__),
         (tuple, lambda x: tuple.__getitem__(x, slice(None))),
         (float, float.__float__), (int, int.__int__))


def is_tensor(x):
    return type(x) is Tensor


def plain(x):
    """The base ndarray behind a number, an array or a Tensor; else None."""
    x = x.data if is_tensor(x) else x
    if isinstance(x, (ndarray, Number)) or type(x).__module__ == "numpy":
        x = array(x, subok=False)
        return x if x.dtype.kind in "biufc" else None
    return None


def difference(got, expected, tol=1e-8, dtype=False):
    """"" if got equals expected, else one sentence on the first difference.

    Shapes must be equal: nothing is broadcast. Values may differ by tol
    times the largest expected one.
    """
    if got is None and expected is not None:
        return "Your function returned nothing: is there a `return`?"
    return _difference(got, expected, tol, dtype)


def _difference(got, expected, tol, dtype):
    if isinstance(expected, dict) and isinstance(got, dict):
        return _different_dicts(got, expected, tol, dtype)
    if isinstance(expected, (list, tuple)):
        if isinstance(got, (list, tuple)):
            return _different_lists(got, expected, tol, dtype)
        whole = stacked(list(expected))
        expected = expected if type(whole) is list else whole
    wanted, a = plain(expected), plain(got)
    if wanted is None or a is None:
        if wanted is None and a is None and _equal(got, expected):
            return ""
        mend = ": np.array makes one of it" if (
            wanted is not None and isinstance(got, (list, tuple))
            and plain(stacked(list(got))) is not None) else ""
        return f"Expected {kind(expected)}, got {kind(got)}{mend}."
    if is_tensor(expected) and not is_tensor(got):
        return f"Expected {kind(expected)}, got {kind(got)}."
    if a.shape != wanted.shape:
        return f"The shape must be {wanted.shape}; yours is {a.shape}."
    if dtype and a.dtype != wanted.dtype:
        return f"The dtype must be {wanted.dtype}; yours is {a.dtype}."
    said = _different_values(a, wanted, tol)
    return said and said + _rounded(a, wanted)


def _rounded(a, b):
    """A sentence for numbers that were right before they were rounded."""
    if a.dtype.kind + b.dtype.kind != "ff" or a.dtype.itemsize >= (
            b.dtype.itemsize) or _different_values(
            a, b, 8 * float(finfo(a.dtype).eps)):
        return ""
    return f" Yours are {a.dtype}, which rounds: compute in {b.dtype}."


def _different_values(a, b, tol):
    a, b = (x.astype("complex128" if x.dtype.kind == "c" else "float64")
            for x in (a, b))
    sizes = abs(b[isfinite(b)])
    scale = sizes.max() if sizes.size and sizes.max() > 0 else 1.
    apart = abs(array(a - b)) if isfinite(a).all() and isfinite(b).all() \
        else _apart(a, b)
    bad = ~(apart <= tol * scale)
    if not bad.any():
        return ""
    if a.ndim == 0:
        return _right_and_yours(b, a)
    at = tuple(int(i) for i in argwhere(bad)[0])
    some = int(bad.sum())
    return (f"{some} of {a.size} numbers differ, first at"
            f" {list(at)}: {_right_and_yours(b[at], a[at])}")


def _right_and_yours(right, yours):
    said = [number(right), number(yours)]
    if said[0] == said[1]:  # they differ further behind the point
        said = [str(right), str(yours)]
    return f"{said[0]} is right, you have {said[1]}."


def _apart(a, b):
    """|a - b|, where equal infinities and two NaNs are 0 apart."""
    apart = array(abs(asarray([
        0. if x == y or (isnan(x) and isnan(y)) else float("inf")
        if not (isfinite(x) and isfinite(y)) else x - y
        for x, y in zip(a.ravel(), b.ravel())])))
    return apart.reshape(a.shape)


def _different_lists(got, expected, tol, dtype):
    if len(got) != len(expected):
        return f"{len(expected)} items are right; yours are {len(got)}."
    for i, (a, b) in enumerate(zip(got, expected)):
        said = _difference(a, b, tol, dtype)
        if said:
            return f"In item {i}: {said}"
    return ""


def _different_dicts(got, expected, tol, dtype):
    if set(got) != set(expected):
        return (f"The keys must be {sorted(map(str, expected))}; yours are"
                f" {sorted(map(str, got))}.")
    for key in expected:
        said = _difference(got[key], expected[key], tol, dtype)
        if said:
            return f"At key {key!r}: {said}"
    return ""


def stacked(items):
    """A list of numbers as an array, where it is one; else unchanged."""
    if type(items) is not list:
        return items
    try:
        stacked = asarray(items)
    except ValueError:
        return items
    return stacked if stacked.dtype.kind in "biufc" else items


def is_usual(x):
    """Whether the == and the arithmetic of x are Python's, NumPy's or
    tinygen's. Those of an object of an answer's own class could lie."""
    if type(x) is dict:
        return all(map(is_usual, [*x, *x.values()]))
    if type(x) in (list, tuple, set, frozenset):
        return all(map(is_usual, x))
    if type(x) is ndarray:
        return x.dtype.kind in "biufc"
    return is_tensor(x) or type(x) in USUAL


def _equal(a, b):
    try:
        return a is b or (type(a) is type(b) and bool(a == b))
    except Exception:
        return False


# --- copies ----------------------------------------------------------------

def fresh(x, tensors=False):
    """A copy that an answer may spoil. Tensors are copied only if asked."""
    if is_tensor(x) and not tensors:
        return x
    if type(x) in (list, tuple):
        return type(x)(fresh(v, tensors) for v in x)
    if type(x) is dict:
        return {k: fresh(v, tensors) for k, v in x.items()}
    if isinstance(x, ndarray):
        return array(x, copy=True, subok=False)
    try:
        return copy.deepcopy(x)
    except Exception:
        return x  # what cannot be copied is passed as it is


def based(x):
    """The same without subclasses: their methods could answer for them."""
    for base, of in BASES:
        if issubclass(type(x), base) and type(x) not in USUAL:
            x = of(x)
    if type(x) in (list, tuple):
        return type(x)(map(based, x))
    return {k: based(v) for k, v in x.items()} if type(x) is dict else x


def arrays(x):
    """The arrays in an argument, in order: what an answer could overwrite."""
    if is_tensor(x):
        return [x.data]
    if isinstance(x, ndarray):
        return [x]
    if type(x) in (list, tuple, dict):
        values = x.values() if type(x) is dict else x
        return [a for v in values for a in arrays(v)]
    return []


# --- words -----------------------------------------------------------------

def number(x):
    x = x.item() if hasattr(x, "item") else x
    if isinstance(x, int) and x.bit_length() > 13300:
        return "of more than 4000 digits"  # Python prints no such number
    return f"{x:.6g}" if isinstance(x, (float, complex)) else str(x)


def kind(x):
    """What sort of thing x is, with its shape: for messages."""
    if x is None:
        return "nothing (None)"
    if is_tensor(x):
        return f"a Tensor of shape {x.shape}"
    if type(x) is ndarray and x.dtype.kind not in "biufc":
        return f"an array of dtype {x.dtype}, which holds no plain numbers"
    if type(x) is GeneratorType:
        return ("a generator: write `return` for `yield`, and [...] for"
                " (...)")
    if type(x) is CoroutineType:
        return "a coroutine: write `def` without `async`"
    name = type(x).__name__
    named = f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
    if not is_usual(x) or type(x) in (list, tuple, dict):
        return named
    if isinstance(x, ndarray):
        return f"an array of shape {x.shape}"
    if isinstance(x, Number):
        return f"the number {number(x)}"
    if callable(x):
        return f"the function {x.__name__}"
    return named


def described(x, indent=""):
    """A value as a reader wants to see it: small ones in full."""
    if is_tensor(x):
        return "Tensor " + described(x.data, indent + " " * 7)
    if isinstance(x, ndarray) and x.dtype.kind in "biufc":
        if x.ndim == 0:
            return number(x)
        if x.size <= SMALL:
            return array2string(x, precision=5, suppress_small=True,
                                separator=", ", prefix=indent)
        spread = "" if x.dtype.kind == "c" else (
            f", from {number(x.min())} to {number(x.max())}")
        return f"{x.dtype} array of shape {x.shape}{spread}"
    if isinstance(x, bool) or x is None or isinstance(x, str):
        return repr(x[:200] if isinstance(x, str) else x)[:200]
    if isinstance(x, Number):
        return number(x)
    if type(x) in (list, tuple):
        inside = ", ".join(described(v, indent) for v in x[:8])
        inside += ", ..." if len(x) > 8 else ""
        return f"[{inside}]" if type(x) is list else f"({inside})"
    if type(x) is dict:
        return "{" + ", ".join(f"{described(k)}: {described(v, indent)}"
                               for k, v in list(x.items())[:8]) + "}"
    return kind(x)

"""Automatic differentiation: arrays that remember how they were made.

A Tensor is an array plus the recipe that made it: (op, inputs, options),
and a serial number. grad() reads the recipes backwards, newest first, and
asks each op's rules for the gradients of its inputs. The rules are written
in Tensors, so the gradient has a recipe too, and can be differentiated.

Chapter 04_0_1 builds this file from a five-line version.
"""

import inspect
import itertools
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from tinygen.engine.anomaly import watch

FLOATS = (np.dtype("float32"), np.dtype("float64"))

_recording = ContextVar("recording", default=True)
_serials = itertools.count()


@contextmanager
def recording(on):
    """Within the block, results remember their recipes only if `on`."""
    token = _recording.set(bool(on))
    try:
        yield
    finally:
        _recording.reset(token)


def is_recording():
    """Whether results remember their recipes here."""
    return _recording.get()


def no_grad():
    """Within the block, results forget how they were made.

    with tg.no_grad(): images = generator(z)
    """
    return recording(False)


def as_float_array(data, dtype=None):
    """`data` as a float32 or float64 array.

    An array of either type keeps it. Python numbers, lists, integers and
    booleans become float32; whole numbers that it cannot hold, some beyond
    2^24, are a ValueError. Other types (float16, longdouble, complex, text,
    objects) and masked arrays are a TypeError. A Tensor gives its array.
    Only a read-only or misaligned array is copied.
    """
    if (type(data) is np.ndarray and data.dtype in FLOATS
            and (dtype is None or dtype == data.dtype)
            and data.flags.behaved):
        return data
    if isinstance(data, Tensor):
        data = data.data
    if isinstance(data, (list, tuple)) and any(
            isinstance(item, Tensor) for item in data):
        raise TypeError("a list of Tensors would lose their recipes: use "
                        "tg.stack(tensors) or tg.concatenate(*tensors)")
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError("a Tensor has no mask: fill the array first")
    array = np.asarray(data)
    kept = array.dtype.newbyteorder("=")
    if (dtype is None and kept in FLOATS
            and isinstance(data, (np.ndarray, np.generic))):
        return np.require(array, kept, ["ALIGNED", "WRITEABLE"])
    if array.dtype.kind not in "fiub" or (
            array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8)):
        raise TypeError(
            f"a Tensor holds float32 or float64, not {array.dtype}: "
            "convert first, with .astype(np.float32)")
    made = array.astype(dtype or np.float32)
    if array.dtype.kind in "iu" and array.dtype.itemsize > 2:
        end = float(np.iinfo(array.dtype).max) + 1  # where ARM's casts stop
        with np.errstate(invalid="ignore"):
            if not ((made < end) & (made.astype(array.dtype) == array)).all():
                raise ValueError(
                    f"{made.dtype} cannot hold all of these whole numbers; "
                    'give dtype="float64", or round them: float(n)')
    return made


class Tensor:
    """An array and the recipe that made it.

    Tensor(data, dtype=None): data is anything NumPy turns into numbers.
    float32 and float64 stay what they are; integers, booleans, Python
    numbers and lists become float32, or `dtype`; whole numbers that this
    would round are a ValueError; float16, longdouble, complex numbers,
    objects, text and masked arrays are a TypeError. An op never mixes
    float32 and float64 Tensors. A Tensor made by hand is a leaf: its op is
    None and it has no inputs. Arithmetic (+ - * / ** @), indexing and the
    methods of ops.py return new Tensors.

    data     the array (do not write to it: only optimisers may)
    op       the Op that made it, or None for a leaf
    inputs   the Tensors that op was applied to
    options  the op's other arguments, a dict
    serial   its number in order of making: inputs have smaller ones
    version  how often an optimiser or load_state has written to it
    name     "up1.conv.w" for a parameter of a network, else None
    """

    __slots__ = ("data", "op", "inputs", "options", "serial", "version",
                 "seen", "name", "__weakref__")
    __array_ufunc__ = None              # so array + Tensor asks the Tensor

    def __init__(self, data, dtype=None, *, name=None):
        if dtype is not None and np.dtype(dtype) not in FLOATS:
            raise TypeError(f"dtype must be float32 or float64, not {dtype}")
        self.data = as_float_array(data, dtype)
        self.op, self.inputs, self.options, self.seen = None, (), {}, ()
        self.serial, self.version, self.name = next(_serials), 0, name

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)

    def item(self):
        """The single number this Tensor holds, as a Python float."""
        if self.size != 1:
            raise ValueError(f"item() needs one number; shape {self.shape} "
                             f"holds {self.size}")
        return float(self.data.reshape(()))

    def detach(self):
        """A copy without the recipe: a constant, whatever becomes of x."""
        return Tensor(self.data.copy())

    def assign(self, array):
        """Write `array` into this leaf, in place; its version goes up.

        For optimisers and load_state. grad() refuses a graph whose inputs
        were written to after the graph was made.
        """
        if self.op is not None:
            raise ValueError("assign() writes to leaves only; this Tensor "
                             f"was made by {self.op.name}")
        if np.shape(array) != self.shape:
            raise ValueError(f"assign() to {self.name or 'a leaf'} of shape "
                             f"{self.shape} got shape {np.shape(array)}")
        np.copyto(self.data, array)
        self.version += 1

    def __reduce__(self):
        # A copy or a pickle is a leaf of its own: own serial, own array.
        return _leaf, (self.data.copy(), self.name)

    def __float__(self):
        return self.item()

    def __len__(self):
        return len(self.data)

    def __iter__(self):         # of a single number there is no first row
        return (self[k] for k in range(len(self)))

    def __eq__(self, other):
        raise TypeError("Tensors are not compared; compare their .data")

    __hash__ = object.__hash__

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype=dtype, copy=copy)

    def __bool__(self):
        raise TypeError("a Tensor has no truth value; compare its .data")

    def __repr__(self):
        array = np.array2string(self.data, precision=4, threshold=20,
                                separator=", ", prefix="Tensor(")
        made = f", op={self.op.name}" if self.op else ""
        return f"Tensor({array}, {self.dtype}{made})"


def _leaf(data, name):
    return Tensor(data, name=name)


class Op:
    """A function on arrays with one gradient rule per input.

    Positional arguments are inputs (Tensors or constants), keyword-only
    arguments are options. `rules[i](g, y, *inputs, **options)` returns the
    gradient of <g, y> with respect to input i, in Tensors: the vector-
    Jacobian product. A rule that is None marks an input without a
    derivative; a rule that returns None means zero everywhere. A variadic
    op (*inputs) has one rule, a function that returns a list.
    """

    def __init__(self, forward):
        self.forward = self.__wrapped__ = forward
        self.name, self.__doc__ = forward.__name__, forward.__doc__
        self.__name__, self.__module__ = self.name, forward.__module__
        self.rules = None
        kinds = inspect.signature(forward).parameters.values()
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in kinds)
        self.input_names = [p.name for p in kinds
                            if p.kind is p.POSITIONAL_OR_KEYWORD]
        registry[self.name] = self

    def __repr__(self):
        return f"<op {self.name}{inspect.signature(self.forward)}>"

    def __call__(self, *inputs, **options):
        inputs = self._as_tensors(inputs)
        arrays = [t.data for t in inputs]
        try:
            data = np.asarray(self.forward(*arrays, **options),
                              arrays[0].dtype)
        except (ValueError, IndexError) as error:
            shapes = ", ".join(str(t.shape) for t in inputs)
            raise type(error)(
                f"{self.name} of shapes {shapes}: {error}") from None
        if (data.base is not None or any([data is a for a in arrays])) and (
                any([np.may_share_memory(data, a) for a in arrays])):
            data = data.copy()      # a view of a parameter would change
        result = Tensor(data)
        if is_recording():
            result.op, result.options = self, options
            result.inputs = inputs
            result.seen = tuple([t.version for t in inputs])
        if watch.get():
            watch.get().look(self, inputs, result)
        return result

    def _as_tensors(self, inputs):
        """Constants take the dtype of the Tensors beside them; where there
        is none, numbers that of the arrays beside them."""
        kinds = {t.data.dtype if type(t) is Tensor else None for t in inputs}
        if len(kinds) == 1 and None not in kinds:
            return inputs
        dtypes = {t.data.dtype for t in inputs if isinstance(t, Tensor)} or {
            t.dtype for t in inputs
            if isinstance(t, np.ndarray) and t.dtype in FLOATS}
        if len(dtypes) > 1:
            raise TypeError(
                f"{self.name}: the inputs mix float32 and float64; convert "
                "one of them, with Tensor(x.data, dtype=...)")
        dtype = dtypes.pop() if dtypes else None
        return tuple([t if isinstance(t, Tensor) else Tensor(t, dtype)
                      for t in inputs])

    def input_grads(self, g, y, needed):
        """Gradients for the inputs whose serial is in `needed`, or None."""
        for t, version in zip(y.inputs, y.seen, strict=True):
            if t.version != version:
                raise RuntimeError(
                    f"grad: {t.name or 'a leaf'} {t.shape} was changed after "
                    f"{self.name} used it, so the gradient would be wrong; "
                    "take all gradients first, then let the optimiser step")
        if self.variadic and self.rules is not None:
            parts = self.rules(g, y, *y.inputs, **y.options)
        else:
            parts = [self._rule(k)(g, y, *y.inputs, **y.options)
                     if t.serial in needed else None
                     for k, t in enumerate(y.inputs)]
        for x, part in zip(y.inputs, parts, strict=True):
            if part is not None and not isinstance(part, Tensor):
                raise TypeError(
                    f"a rule of {self.name} returned "
                    f"{type(part).__name__}: rules are written in Tensors, "
                    "so that the gradient has a recipe too")
            if part is not None and part.shape != x.shape:
                raise RuntimeError(
                    f"a rule of {self.name} returned a gradient of shape "
                    f"{part.shape} for an input of {x.shape}")
        return parts

    def _rule(self, k):
        if callable(self.rules):
            raise TypeError(f"{self.name}.rules must be a tuple, one rule per "
                            "input; a tuple of one needs a comma: (rule,)")
        if self.rules and k < len(self.rules) and self.rules[k]:
            return self.rules[k]
        name = f"input {k}" + ("" if self.variadic else
                               f" ({self.input_names[k]})")
        if self.rules and k < len(self.rules):
            raise ValueError(f"op {self.name} has no derivative with respect "
                             f"to {name}")
        raise NotImplementedError(
            f"op {self.name} has no gradient rule for {name}: add it to "
            f"{self.name}.rules")


registry = {}       # name -> Op, in order of definition; the tests walk it


def op():
    """Decorator: make an Op of a function on arrays.

    @op()
    def exp(x):
        return np.exp(x)

    exp.rules = (lambda g, y, x: g * y,)
    """
    return Op


def grad(y, xs, g=None, create_graph=False, unused="error"):
    """dy/dx for each x in xs: the gradient of <g, y>.

    y             a Tensor of one number, or of any shape if g is given
    xs            a list of Tensors
    g             what each entry of y counts; the shape of y
    create_graph  record the gradient's own recipe, to differentiate again
    unused        "error", or "zeros" for an x that y does not depend on

    Returns a list of Tensors, shaped like xs. Nothing is stored anywhere
    else. The work is linear in the number of ops between xs and y; an op
    whose result does not depend on any x is never visited.
    Errors: ValueError (y not a scalar, an x that y does not depend on),
    RuntimeError (a parameter was written to since), FloatingPointError (y
    is one number, NaN or infinite; names the op where that began). Source:
    chapter 04_0_1.
    """
    xs = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    _check_request(y, xs, g, unused)
    if not isinstance(g, Tensor):
        g = Tensor(np.ones_like(y.data) if g is None else g, y.dtype)
    nodes, needed = _between(y, xs)
    lost = [k for k, x in enumerate(xs) if x.serial not in nodes]
    if lost and unused != "zeros":
        name = xs[lost[0]].name or f"xs[{lost[0]}]"
        raise ValueError(
            f"grad: y does not depend on {name} {xs[lost[0]].shape}"
            + ("; y has no recipe: was it made inside no_grad()?"
               if y.op is None else
               '; if that is meant, ask for unused="zeros"'))
    if y.size == 1 and not np.isfinite(y.data).all():
        raise FloatingPointError(
            f"{_first_not_finite(y)} gave the first NaN or infinity")
    wanted = {x.serial for x in xs}
    grads = {y.serial: g}
    with recording(create_graph):
        for serial in sorted(nodes, reverse=True):
            node = nodes.pop(serial)
            if serial not in needed or serial not in grads:
                continue
            g = grads[serial] if serial in wanted else grads.pop(serial)
            if node.op is None:
                continue
            parts = (watch.get() or node.op).input_grads(g, node, needed)
            for x, part in zip(node.inputs, parts, strict=True):
                if part is not None and x.serial in needed:
                    old = grads.get(x.serial)
                    grads[x.serial] = (
                        part if old is None
                        else old + part if create_graph or watch.get()
                        else Tensor(old.data + part.data))
        return [grads[x.serial] if x.serial in grads
                else Tensor(np.zeros_like(x.data)) for x in xs]


def _check_request(y, xs, g, unused):
    for t in (y, *xs):
        if not isinstance(t, Tensor):
            raise TypeError(f"grad needs Tensors, got {type(t).__name__}")
    if unused not in ("error", "zeros"):
        raise ValueError(f'unused is "error" or "zeros", not {unused!r}')
    if not xs:
        raise ValueError("grad: xs is empty, nothing to differentiate by")
    if g is None and y.size != 1:
        raise ValueError(
            f"grad: y has shape {y.shape}; a gradient is that of one number: "
            "reduce y with .sum() or .mean(), or give g")
    if g is not None and np.shape(g) != y.shape:
        raise ValueError(f"grad: g has shape {np.shape(g)}, y {y.shape}")
    if isinstance(g, Tensor) and g.dtype != y.dtype:
        raise TypeError(f"grad: g is {g.dtype}, y {y.dtype}")


def _first_not_finite(y):
    """What made the oldest Tensor behind y that holds NaN or infinity."""
    nodes, _ = _between(y, [y], oldest=0)
    bad = next(nodes[serial] for serial in sorted(nodes)
               if not np.isfinite(nodes[serial].data).all())
    return f"op {bad.op.name}" if bad.op else bad.name or "a constant"


def _between(y, xs, oldest=None):
    """(nodes, needed): all nodes from y back to the oldest x, by serial,
    and the serials of those that depend on an x."""
    if oldest is None:
        oldest = min(x.serial for x in xs)
    nodes, stack = {}, [y]
    while stack:
        node = stack.pop()
        if node.serial >= oldest and node.serial not in nodes:
            nodes[node.serial] = node
            stack.extend(node.inputs)
    needed = {x.serial for x in xs}
    for serial in sorted(nodes):
        if any(t.serial in needed for t in nodes[serial].inputs):
            needed.add(serial)
    return nodes, needed

"""Products of matrices: one call of BLAS, and large ones shared out.

np.dot in compiled code copies what is not contiguous, and cannot add to what
is there. BLAS can do both, so it is called here with all that it can be told.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.linalg import get_blas_kind

from .threads import kernel, run, tiles_for

PIECE = 1 << 22  # multiplications worth a thread's while


@intrinsic
def gemm(typing_context, a, lda, turn_a, b, ldb, turn_b, y, ldy, beta, k):
    """BLAS's y = A B + beta y for row-major matrices, A [m, k], B [k, n]: a
    and b turned where that is said; ld is the distance between rows."""
    def generate(context, builder, signature, values):
        a, lda, turn_a, b, ldb, turn_b, y, ldy, beta, k = values
        byte, number, pointer = ir.IntType(8), ir.IntType(64), (
            ir.IntType(8).as_pointer())
        gemm = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), [
                byte, byte, byte, number, number, number, pointer, pointer,
                number, pointer, number, pointer, pointer, number]),
            "numba_xxgemm")
        dtype = signature.args[6].dtype

        def array(k):
            return context.make_array(signature.args[k])(
                context, builder, values[k])

        def slot(value):
            return builder.bitcast(
                cgutils.alloca_once_value(builder, value), pointer)

        def letter(turned):
            return builder.select(turned, byte(ord("t")), byte(ord("n")))

        y = array(6)
        m, n = cgutils.unpack_tuple(builder, y.shape)
        one = context.get_constant(dtype, 1)
        # BLAS counts by columns, so it is told y^T = B^T A^T
        builder.call(gemm, [
            byte(ord(get_blas_kind(dtype))), letter(turn_b), letter(turn_a),
            n, m, k, slot(one), builder.bitcast(array(3).data, pointer), ldb,
            builder.bitcast(array(0).data, pointer), lda, slot(beta),
            builder.bitcast(y.data, pointer), ldy])
        return context.get_dummy_value()
    flag, size = types.boolean, types.intp
    return types.none(a, size, flag, b, size, flag, y, size, y.dtype,
                      size), generate


@kernel
def rows_of(a):
    """Whether BLAS must turn a, and how far apart the rows then are."""
    step = a.itemsize
    if a.strides[1] == step:
        return False, max(a.strides[0] // step, a.shape[1], 1)
    return True, max(a.strides[1] // step, a.shape[0], 1)


@kernel
def product(a, b, beta, y):
    """y = a @ b + beta y. One of a's two axes is contiguous, and one of b's;
    y's rows are."""
    turn_a, lda = rows_of(a)
    turn_b, ldb = rows_of(b)
    gemm(a, lda, turn_a, b, ldb, turn_b, y, rows_of(y)[1],
         y.dtype.type(beta), a.shape[1])


@kernel
def multiply(a, turn_a, b, turn_b, y, pieces, part, parts):
    """y = a @ b, each turned first where that is said; a tile is one of the
    pieces into which y's rows or, where these are more, columns are cut. So
    the cuts, and the rounding, do not depend on the number of threads."""
    m, n = y.shape
    size = max(m, n)
    left, right = a.T if turn_a else a, b.T if turn_b else b
    for k in range(part, pieces, parts):
        first, end = k * size // pieces, (k + 1) * size // pieces
        if m == size:
            product(left[first:end], right, 0, y[first:end])
        else:
            product(left, right[:, first:end], 0, y[:, first:end])


@kernel
def turn(w, out, part, parts):
    """out[T-1-t, o, c] = w[t, c, o]. A tile is one t: threads that wrote the
    same lines of the cache would wait for each other."""
    _, c, o = w.shape
    for t in range(part, len(w), parts):
        for first in range(0, c, 16):  # 16 rows read, one line written
            rows = w[t, first:first + 16]
            for k in range(o):
                column, line = rows[:, k], out[len(w) - 1 - t, k, first:]
                for r in range(len(column)):
                    line[r] = column[r]


# --- the functions of this package -----------------------------------------

def matmul(a, b):
    """y[..., i, k] = sum_j a[..., i, j] b[..., j, k]."""
    m, k, n = *a.shape[-2:], b.shape[-1]
    if k == 1:
        return a * b
    if a.ndim + b.ndim > 4 or m * k * n < PIECE:
        return a @ b
    y = np.empty((m, n), a.dtype)
    pieces = min(4, m * k * n // PIECE)
    run(multiply, *as_rows(a), *as_rows(b), y, pieces, tiles=pieces)
    return y


def as_rows(a):
    """A contiguous array, and whether it is a turned."""
    turn = not a.flags.c_contiguous and a.flags.f_contiguous
    return np.ascontiguousarray(a.T if turn else a), turn


def turned(w):
    """The filter turned round, its channels in and out exchanged."""
    kh, kw, c, o = w.shape
    out = np.empty((kh, kw, o, c), w.dtype)
    run(turn, np.ascontiguousarray(w).reshape(kh * kw, c, o),
        out.reshape(kh * kw, o, c), tiles=tiles_for(4 * w.size, kh * kw))
    return out

'''Checking a reader's answers: how an exercise is written, and its parts.

For readers: `tg.check("name")` in a notebook, or `make check`. The rest of
this page is for authors. An exercise is one function name, unique in the
book, in four files of the same stem (here ch04_1_gan):

    chapters/04_1_gan_exercises.ipynb    question, stub, check cell, hints
    tinygen/exercises/checks/ch04_1_gan.py       def spread(answer): ...
    tinygen/exercises/solutions/ch04_1_gan.py    def spread(x): ...
    tinygen/exercises/wrong/ch04_1_gan.py        def spread__MISTAKE(x): ...

The notebook. The stub is a cell that holds nothing but the function, its
docstring and `raise NotImplementedError`; the check cell, next, holds
`tg.check("spread")`. Readers may add helpers and constants in other cells.

    def spread(x):
        """sqrt(mean((x - mean(x))^2)) of each row.   x [n, d] -> [n]"""
        raise NotImplementedError

The check (8 to 20 lines). Every function without a leading underscore is
one; the module's docstring is the chapter's title in the solutions page.

    """4.1 A GAN"""
    import numpy as np

    from tinygen.exercises import exercise

    @exercise("4.1.6 What goes wrong")        # the section to reread
    def spread(answer):
        answer.on(np.array([[1., 3.], [5., 5.]])).gives(
            [1., 0.], "the mean of 1 and 3 is 2, both are 1 away from it")
        x = np.random.default_rng(0).normal(size=(3, 4))
        answer.on(x).gives()
        shifted = answer(x + 5.)
        assert np.allclose(shifted, answer(x)), (
            "Adding 5 to every number moves the mean with it: the spread"
            " must stay as it is.")

    answer.on(*inputs, **named).gives(expected, because)
        calls the reader's function and compares shape, then values, without
        broadcasting. Without `expected` the solution says what is right.
        `because` says how to get there by hand. tol=1e-8 is relative to the
        largest expected number. Start with a case small enough to redo on
        paper. Use float64 inputs unless dtype is the lesson.
    answer.on(...).raises(ValueError, because)
        the call must end in this exception.
    answer.on(...).then(f).gives(...)
        compares f(result): for results that are functions, objects, or
        random. f is applied to the solution's result, too.
    answer(*inputs, **named)
        calls the reader's function and returns the result, for properties.
        Assert these with a message that teaches: the assertion's message is
        what the reader reads, after the call and its result.
    raise answer.mistake("MISTAKE")
        stops, with the docstring of spread__MISTAKE as the hint: for a
        mistake that values do not show.

Options of @exercise(section, ...):
    may_use=("tg.Tensor", "tg.exp")  names allowed beyond NumPy and Python's
        standard library. "tg.losses" allows all in it, "tg" everything.
        Anything else of tinygen is refused in words.
    but_not=("np.std", ".std")  names refused although may_use or NumPy has
        them; with a leading dot the method of that name.
    dtype=True    the dtype is compared, too.
    mutates=True  the function's job is to change its arguments: compared
        is (result, *arguments after the call), and then's f is called with
        these. Otherwise changing an argument is reported as a mistake.
    takes=("d_loss", "g_loss")  a capstone's: the answer, the solution and
        the wrong answers may call these exercises of the same chapter by
        name. They get the reader's own where it is solved, else ours, and
        the report says which.

The solution is the reference answer, with the helpers it needs beside it,
and obeys may_use. It, the stub and the wrong answers have one signature.

Wrong answers, at least two an exercise, 3 to 8 lines each, named
spread__MISTAKE. Each is right in shape and dtype unless that is the mistake.
The docstring is the hint: it says what was done, why that is wrong, and
where to look, and does not give the answer away. A last line `Section: ...`
replaces the section to reread.

    def spread__not_rooted(x):
        """This is the mean of the *squared* distances: its unit is that of
        x squared. A spread has the unit of x."""
        return np.mean((x - x.mean(1, keepdims=True)) ** 2, 1)

Hints then work by themselves. When an answer fails, all inputs that the
check uses are given to the answer and to each wrong answer; the one that
agrees with the answer on every input names the mistake. So no condition
needs writing. If two wrong answers agree on all inputs, add an input on
which they differ. A wrong answer that only calls what may not be used (the
library's own version, say) gives the hint to whoever calls the same.

Inputs and results may be arrays, Tensors, numbers, strings, and lists,
tuples and dicts of these. Each call gets fresh copies of arrays and
of objects; a Tensor is passed as it is, so that gradients can be taken.
The first call is made once more at the end: its result must be the same.
Results of an answer's own classes are refused where the solution returns
none: they could answer a check's questions as they like.
The solution must pass in well under a second: the limit is 10 s.

`pytest tests/test_exercises.py -k 04_1_gan` tests one chapter's exercises.
Then `python -m tinygen.exercises solutions` writes the page of solutions.
'''
from .registry import exercise

__all__ = ["check", "exercise"]


def check(name):
    """Print whether the answer called `name` in this notebook is right.

    It is taken from the cells that have been run, together with the helpers
    and constants it uses, and run apart: a loop without end cannot hang the
    notebook.
    """
    from . import lifting, runner
    try:
        print(runner.check_cells(name, lifting.history_cells()))
    except (ValueError, RuntimeError) as error:
        print(error)

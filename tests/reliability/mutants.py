"""Does each check notice when a line of the solution is changed?

    python tests/reliability/mutants.py            # all exercises
    python tests/reliability/mutants.py slerp ...  # these again

The operators of cosmic-ray and those below change one place of a solution;
the mutant is judged as a reader's answer is. mutants.json keeps what came
out: for each exercise the number of mutants, and those that pass, each with
the reason why it may.
"""
import ast
import atexit
import difflib
import functools
import hashlib
import json
import multiprocessing
import shutil
import sys
import tempfile
from copy import deepcopy
from pathlib import Path

from tinygen.exercises import registry, reports, rules, runner
from tinygen.exercises.lifting import Cell, Lifted

RECORD = Path(__file__).with_suffix(".json")
FEWEST, MOST = 10, 20       # mutants of a solution: wanted, taken at most
SHARE = 0.05                # of all mutants, how many may pass
# On floats the first raise TypeError, and what `is` says of numbers depends
# on the interpreter: mutants of these kinds prove nothing
LEFT_OUT = ("Shift", "Bit", "_Is")


# ---- solutions ----------------------------------------------------------

def statements_of(name):
    """(module's source, statements): the solution and what it needs."""
    file = f"ch{registry.registered()[name]}.py"
    source = (registry.HERE / "solutions" / file).read_text(encoding="utf-8")
    pieces = Lifted([Cell("", source)]).pieces(name, registry.takes(name))
    module = ast.parse(source).body
    body = [module[i] for _, _, wanted in pieces for i in wanted]
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return source, body


def source_of(name):
    """The same as text, without docstrings and comments."""
    return "\n".join(map(ast.unparse, statements_of(name)[1]))


def digest(name):
    """Changes with the solution, not with docstrings or Python's version."""
    source, body = statements_of(name)
    lines = [ast.get_source_segment(source, line) for node in body
             for line in getattr(node, "body", [node])]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


# ---- operators ----------------------------------------------------------

INSTEAD = [("mean", "sum"), ("min", "max"), ("minimum", "maximum"),
           ("argmin", "argmax"), ("cos", "sin"), ("exp", "expm1"),
           ("log", "log1p"), ("any", "all"), ("std", "var"),
           ("zeros", "ones"), ("hstack", "vstack"), ("ceil", "floor"),
           ("rint", "floor"), ("log10", "log2"), ("cumsum", "cumprod"),
           ("sqrt", "abs"), ("argsort", "sort")]
OTHER = {a: b for pair in INSTEAD for a, b in (pair, pair[::-1])}
# f(a, b) = f(b, a): to swap these changes nothing
SYMMETRIC = {"logaddexp", "maximum", "minimum", "max", "min", "allclose"}
ASYMMETRIC = (ast.Sub, ast.Div, ast.Pow, ast.MatMult, ast.FloorDiv, ast.Mod)


def other_number(node):
    """c -> 2 c, -c."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if node.value:
            yield ast.Constant(2 * node.value)
            yield ast.UnaryOp(ast.USub(), node)


def drop_operand(node):
    """a + b -> a, b; the same for other operations, and - a -> a."""
    if isinstance(node, ast.BinOp):
        yield node.left
        yield node.right
    if isinstance(node, ast.UnaryOp):
        yield node.operand
    if isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse


def swap_operands(node):
    """a - b -> b - a."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ASYMMETRIC):
        yield ast.BinOp(node.right, node.op, node.left)


def swap_arguments(node):
    """f(a, b) -> f(b, a), and (a, b) -> (b, a)."""
    key = "args" if isinstance(node, ast.Call) else "elts"
    called = getattr(node, "func", None)
    if called and getattr(called, "attr", getattr(
            called, "id", "")) not in SYMMETRIC or isinstance(
            node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        for i in range(len(getattr(node, key)) - 1):
            new = deepcopy(node)
            pair = getattr(new, key)
            pair[i], pair[i + 1] = pair[i + 1], pair[i]
            yield new


def drop_keyword(node):
    """f(x, axis=0) -> f(x), and f(x, axis=1)."""
    for i, keyword in enumerate(getattr(node, "keywords", ())):
        new = deepcopy(node)
        del new.keywords[i]
        yield new
        if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
            new = deepcopy(node)
            new.keywords[i].value = ast.Constant(1 - keyword.value.value)
            yield new


def drop_call(node):
    """f(x) -> x, x.f() -> x, and where(c, a, b) -> a, b."""
    if isinstance(node, ast.Call):
        yield from (a for a in node.args if isinstance(a, ast.expr))
        if isinstance(node.func, ast.Attribute) and not (
                isinstance(node.func.value, ast.Name)
                and node.func.value.id in ("np", "tg", "math")):
            yield node.func.value


def other_function(node):
    """mean -> sum, min -> max ..., as np.mean and as x.mean."""
    if isinstance(node, ast.Attribute) and node.attr in OTHER:
        yield ast.Attribute(node.value, OTHER[node.attr], node.ctx)
    if isinstance(node, ast.Name) and node.id in OTHER:
        yield ast.Name(OTHER[node.id], node.ctx)


def other_slice(node):
    """x[a:b] -> x[:b], x[a:], x; x[:, i] -> x[i, :]; x.T -> x."""
    if isinstance(node, ast.Slice):
        for key in ("lower", "upper", "step"):
            if getattr(node, key) is not None:
                new = deepcopy(node)
                setattr(new, key, None)
                yield new
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value


def other_condition(node):
    """if c -> if True, if False."""
    if isinstance(node, (ast.If, ast.IfExp)):
        for value in (True, False):
            new = deepcopy(node)
            new.test = ast.Constant(value)
            yield new


def drop_statement(node):
    """A line that is not there."""
    if isinstance(node, (ast.AugAssign, ast.Expr)) or isinstance(
            node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield ast.Pass()
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value, lineno=0)


def other_result(node):
    """return y -> return -y, 2 * y, y + 1."""
    if isinstance(node, ast.Return) and not isinstance(
            node.value, (ast.Tuple, ast.List)):
        for value in (ast.UnaryOp(ast.USub(), node.value), ast.BinOp(
                ast.Constant(2), ast.Mult(), node.value), ast.BinOp(
                node.value, ast.Add(), ast.Constant(1))):
            yield ast.Return(value)


OWN = [other_number, drop_operand, swap_operands, swap_arguments,
       drop_keyword, drop_call, other_function, other_slice, other_condition,
       drop_statement, other_result]


class _At(ast.NodeTransformer):
    """Put `new` where `old` is."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else self.generic_visit(node)


def own_mutants(source):
    """(operator's name, source) for each place an operator above fits."""
    for operator in OWN:
        fits = [(i, k) for i, node in enumerate(ast.walk(ast.parse(source)))
                for k, _ in enumerate(operator(node))]
        for i, k in fits:       # a tree of its own for each mutant
            tree = ast.parse(source)
            node = list(ast.walk(tree))[i]
            tree = _At(node, list(operator(node))[k]).visit(tree)
            yield operator.__name__, ast.unparse(ast.fix_missing_locations(
                tree))


def other_names(source):
    """A parameter used where another one of its function is meant."""
    functions = [n for n in ast.walk(ast.parse(source))
                 if isinstance(n, ast.FunctionDef)]
    for f, function in enumerate(functions):
        names = [a.arg for a in function.args.args]
        places = [i for i, n in enumerate(ast.walk(function)) if isinstance(
            n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id in names]
        for i in places:
            for name in names:
                tree = ast.parse(source)
                same = [n for n in ast.walk(tree)
                        if isinstance(n, ast.FunctionDef)][f]
                list(ast.walk(same))[i].id = name
                yield "other_names", ast.unparse(tree)


def cosmic_mutants(source):
    """The same with the operators of cosmic-ray that need no arguments."""
    from cosmic_ray.mutating import MutationVisitor
    from cosmic_ray.plugins import get_operator, operator_names
    for name in operator_names():
        kind = get_operator(name)
        if kind.arguments() or any(word in name for word in LEFT_OUT):
            continue
        occurrence = 0
        while mutant := MutationVisitor.mutate_code(
                source, kind(), occurrence):
            yield name.removeprefix("core/"), mutant
            occurrence += 1


# ---- mutants ------------------------------------------------------------

def described(source, mutant):
    """The lines that differ: "old -> new"."""
    lines = list(difflib.ndiff(source.splitlines(), mutant.splitlines()))
    old, new = ([text for line in lines if line.startswith(sign)
                 and (text := line[2:].strip())] for sign in ("- ", "+ "))
    return f"{' / '.join(old)} -> {' / '.join(new)}"


def all_mutants(name):
    """{description: (operator, source)}: those that compile and differ."""
    exercise, source = registry.load(name), source_of(name)
    seen, found = {ast.dump(ast.parse(source))}, {}
    for makers in (cosmic_mutants, own_mutants, other_names):
        for operator, mutant in makers(source):
            try:
                tree = ast.parse(mutant)
                compile(mutant, "mutant", "exec")
            except (SyntaxError, ValueError):
                continue
            pieces = [("", mutant, range(len(tree.body)))]
            if ast.dump(tree) in seen or rules.first_refusal(
                    pieces, exercise.options):
                continue
            seen.add(ast.dump(tree))
            mutant = ast.unparse(tree)
            text = described(source, mutant)
            while text in found:
                text += " (again)"
            found[text] = operator, mutant
    return found


def mutants(name, most=MOST):
    """At most so many of them, the same each time, of all kinds alike."""
    found, kinds = all_mutants(name), {}
    for text in sorted(found, key=lambda t: hashlib.sha256(
            f"{name} {t}".encode()).digest()):
        # ReplaceBinaryOperator_Add_Sub: the kind is the word in front
        kinds.setdefault(found[text][0].split("_")[0] if found[text][0][0]
                         .isupper() else found[text][0], []).append(text)
    turns = [(place, kind, text) for kind, texts in kinds.items()
             for place, text in enumerate(texts)]
    return {text: found[text][1] for _, _, text in sorted(turns)[:most]}


@functools.cache
def no_hints():
    """A root without wrong answers: only the verdict is asked for."""
    root = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, root)
    for kind in ("checks", "solutions"):
        shutil.copytree(registry.HERE / kind, Path(root) / kind)
    return root


def passes(name, mutant):
    """Whether the runner takes the mutant for a right answer."""
    report = runner.check_cells(name, [Cell("mutant", mutant)], no_hints())
    if "The check itself failed" in report.message:
        raise RuntimeError(report.message)
    return report.verdict == reports.SOLVED


def survivors(name, most=MOST):
    """(number of mutants, descriptions of those that pass)."""
    chosen = mutants(name, most)
    return len(chosen), [text for text, mutant in chosen.items()
                         if passes(name, mutant)]


def read():
    return json.loads(RECORD.read_text(encoding="utf-8"))


def main(names):
    names = names or list(registry.registered())
    no_hints()      # made here, so that it is removed at this one's end
    with multiprocessing.get_context("fork").Pool() as pool:
        for name, (n, alive) in zip(names, pool.imap(survivors, names)):
            record = read() if RECORD.exists() else {}
            why = record.get(name, {}).get("pass", {})
            record[name] = {"of": digest(name), "mutants": n, "pass": {
                text: why.get(text, "") for text in alive}}
            print(f"{name}: {len(alive)} of {n} pass", flush=True)
            print("".join(f"    {text}\n" for text in alive), end="")
            RECORD.write_text(json.dumps({
                name: record[name] for name in registry.registered()
                if name in record}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

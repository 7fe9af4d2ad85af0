"""A changed solution does not pass: the record, and a sample made again."""
import ast
import importlib.util
from pathlib import Path

import pytest

from tinygen.exercises import registry

SCRIPT = Path(__file__).parent / "reliability" / "mutants.py"
spec = importlib.util.spec_from_file_location("mutants", SCRIPT)
mutants = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutants)
AGAIN = "run `python tests/reliability/mutants.py {}`"


@pytest.mark.parametrize("name", registry.registered())
def test_each_solution_has_ten_mutants_on_record(name):
    record = mutants.read().get(name)
    assert record, AGAIN.format(name)
    assert record["of"] == mutants.digest(name), (
        "the solution has changed: " + AGAIN.format(name))
    assert record["mutants"] >= mutants.FEWEST
    for mutant, why in record["pass"].items():
        assert why.startswith(("equivalent: ", "free: ")), (
            f"{mutant} passes: catch it, or say why it may")


def test_few_pass():
    record = mutants.read()
    assert list(record) == list(registry.registered())
    made = sum(r["mutants"] for r in record.values())
    alive = sum(len(r["pass"]) for r in record.values())
    assert alive <= mutants.SHARE * made


def test_what_the_operators_make():
    source = ("def f(x, y):\n    if x <= y:\n        x += 1\n"
              "    return np.mean(x - 2 * y, axis=0)")
    made = [text for maker in (mutants.own_mutants, mutants.other_names)
            for _, text in maker(source)]
    for old, new in (("x - 2 * y", "2 * y - x"), ("mean", "sum"),
                     ("axis=0", "axis=1"), (", axis=0", ""),
                     ("2 * y", "y"), ("2 * y", "4 * y"), ("x <= y", "True"),
                     ("x += 1", "pass"), ("x += 1", "x = 1"),
                     ("return np", "return -np"), ("x - ", ""),
                     ("x <= y", "y <= y"), ("x - 2 * y", "x - 2 * x")):
        assert source.replace(old, new) in made, new
    for text in made:
        ast.parse(text)


def test_a_mutant_is_judged():
    right = mutants.source_of("slerp")
    assert mutants.passes("slerp", right)
    assert not mutants.passes("slerp", right.replace("1 - t", "1 + t"))


@pytest.mark.long
@pytest.mark.parametrize("name", list(registry.registered())[::9])
def test_no_other_mutant_passes(name, require):
    require("cosmic_ray")
    _, alive = mutants.survivors(name)
    unknown = set(alive) - set(mutants.read()[name]["pass"])
    assert not unknown, AGAIN.format(name) + " and read what it writes"

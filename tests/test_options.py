import pytest

from tinygen.options import parser


@pytest.mark.parametrize("argv", [
    [], ["train"], ["train", "vase"], ["train", "gan", "--steps", "0"],
    ["train", "gan", "--steps", "-3"], ["train", "gan", "--steps", "many"],
    ["sample"], ["sample", "a", "--n", "0"], ["train", "vae", "--steps", "²"],
    ["translate", "a", "b", "--to", "b"], ["translate", "a", "--out", "b"]])
def test_usage_errors_exit_with_2_and_one_sentence(argv, capfd):
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(argv)
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("tinygen: ") and err.count("\n") == 1
    assert "--help lists" in err

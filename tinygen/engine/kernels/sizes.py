"""The shapes of convolutions and pools, and what is wrong with bad ones."""


def output_size(hw, window, stride, pad=0):
    """Ho = (H + 2 pad - kh) // stride + 1, and the same for the width."""
    if stride < 1 or pad < 0:
        raise ValueError(f"stride must be at least 1 and pad at least 0, "
                         f"got stride={stride}, pad={pad}")
    size = tuple((n + 2 * pad - k) // stride + 1 for n, k in zip(hw, window))
    if min(size) < 1:
        raise ValueError(f"a {window[0]}x{window[1]} window does not fit into "
                         f"a {hw[0]}x{hw[1]} image with pad={pad}")
    return size


def check_pair(names, a, b):
    """Raise unless a and b are float arrays of 4 axes and of one dtype."""
    for name, array in zip(names, (a, b)):
        if array.ndim != 4:
            raise ValueError(f"{name} must have 4 axes, "
                             f"got shape {array.shape}")
        if array.dtype.str[1:] not in ("f4", "f8"):
            raise TypeError(f"{name} must be float32 or float64, "
                            f"got {array.dtype}")
    if a.dtype != b.dtype:
        raise TypeError(f"{names[0]} is {a.dtype}, {names[1]} is {b.dtype}")


def check_equal(what, got, expected):
    """Raise unless two numbers or shapes are the same."""
    if got != expected:
        raise ValueError(f"{what} is {got}, expected {expected}")

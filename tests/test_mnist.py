"""MNIST from disk and over the net: what is right comes in, once; what is
not is refused in a sentence, and leaves nothing behind."""

import contextlib
import gzip
import hashlib
import http.server
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tinygen import data, mnist

SMALL = {"train-images-idx3-ubyte": (2051, (20, 28, 28)),
         "train-labels-idx1-ubyte": (2049, (20,))}


def idx(name):
    """The bytes of a small IDX file."""
    magic, shape = SMALL[name]
    rng = np.random.default_rng(len(name))
    header = b"".join(n.to_bytes(4, "big") for n in (magic, *shape))
    return header + rng.integers(10, size=shape, dtype=np.uint8).tobytes()


@pytest.fixture
def small_mnist(monkeypatch, tmp_path):
    """20 digits instead of 60,000, an empty cache, no TINYGEN_DATA."""
    table = {name: (*SMALL[name], hashlib.sha256(idx(name)).hexdigest())
             for name in SMALL}
    monkeypatch.setattr(mnist, "MNIST_FILES", table)
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGEN_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return table


@pytest.fixture
def mirror(monkeypatch):
    """A server on 127.0.0.1; mirror.answers[name] = bytes, or (bytes, the
    length it promises), or a function of the request. mirror.asked counts
    the requests."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked += 1
            answer = server.answers.get(self.path[1:])
            if callable(answer):
                answer(self)
                return
            if answer is None:
                self.send_error(404, "Not Found")
                return
            body, length = (answer if isinstance(answer, tuple)
                            else (answer, len(answer)))
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = 0
    server.answers = {f"{name}.gz": gzip.compress(idx(name)) for name in SMALL}
    server.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever,
                              kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setattr(mnist, "MIRRORS", (server.url,))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def expected():
    images, labels = (np.frombuffer(idx(name), np.uint8) for name in SMALL)
    return images[16:].reshape(20, 28, 28, 1), labels[8:]


def test_the_real_mnist(require):
    require("data")
    images, labels = data.mnist()
    assert images.shape == (60000, 28, 28, 1) and images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    images, labels = data.mnist("test")
    assert images.shape == (10000, 28, 28, 1)
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_download_once(small_mnist, mirror, tmp_path):
    images, labels = data.mnist()
    want = expected()
    assert np.array_equal(images, want[0]) and np.array_equal(labels, want[1])
    images[0] = 0  # the reader's own copy, to write in
    assert mirror.asked == 2
    data.mnist()
    assert mirror.asked == 2
    names = sorted(p.name for p in (tmp_path / "cache" / "mnist").iterdir())
    assert names == sorted(f"{name}.gz" for name in SMALL)


def test_tinygen_data_comes_first(small_mnist, mirror, tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    images, labels = SMALL
    (tmp_path / "mnist" / f"{images}.gz").write_bytes(
        gzip.compress(idx(images)))
    (tmp_path / "mnist" / labels).write_bytes(idx(labels))  # uncompressed
    data.mnist()
    assert mirror.asked == 0


def damaged(name):
    content = bytearray(idx(name))
    content[-1] ^= 1
    return gzip.compress(bytes(content))


BAD = {
    "checksum": (damaged, "SHA-256 is not the published one"),
    "html": (lambda name: b"<!DOCTYPE html><p>Sign in</p>",
             "begins with b'<!DOCTYPE html><'"),
    "html-gz": (lambda name: gzip.compress(b"<html></html>"), "<html>"),
    "truncated": (lambda name: gzip.compress(idx(name))[:-20], "damaged"),
    "empty": (lambda name: b"", "not MNIST"),
    "too long": (lambda name: gzip.compress(idx(name) + b"more"), "bytes"),
    "bomb": (lambda name: gzip.compress(idx(name) + bytes(10**8)), "bytes"),
    "other header": (lambda name: gzip.compress(
        idx(name).replace(b"\x14", b"\x7f", 1)), "not MNIST"),
    "cut": (lambda name: (gzip.compress(idx(name))[:-20], 10**6),
            "cut off after|IncompleteRead|bytes read"),
    "missing": (lambda name: None, "Not Found"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_download_is_refused_and_leaves_nothing(
        bad, small_mnist, mirror, tmp_path):
    make, words = BAD[bad]
    first = next(iter(SMALL))
    mirror.answers[f"{first}.gz"] = make(first)
    with pytest.raises(ConnectionError, match=words) as caught:
        data.mnist()
    assert "sprites" in str(caught.value)
    assert "TINYGEN_DATA" in str(caught.value)
    assert not list((tmp_path / "cache" / "mnist").iterdir())
    mirror.answers[f"{first}.gz"] = gzip.compress(idx(first))
    assert np.array_equal(data.mnist()[0], expected()[0])


def test_the_second_mirror_helps_out(small_mnist, mirror, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", (mirror.url + "gone/", mirror.url))
    assert np.array_equal(data.mnist()[0], expected()[0])


def test_no_network_says_how_to_go_on(small_mnist, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/",) * 2)
    with pytest.raises(ConnectionError, match="sprites") as caught:
        data.mnist()
    message = str(caught.value)
    assert message.count("http://127.0.0.1:9/") == 2
    assert "TINYGEN_DATA" in message and "\n" not in message


@pytest.mark.parametrize("bad", ["checksum", "html", "truncated", "bomb"])
def test_a_bad_file_on_disk_is_named(bad, small_mnist, mirror, tmp_path):
    place = tmp_path / "cache" / "mnist"
    place.mkdir(parents=True)
    first = next(iter(SMALL))
    (place / f"{first}.gz").write_bytes(BAD[bad][0](first))
    with pytest.raises(ValueError, match="delete it") as caught:
        data.mnist()
    assert str(place / f"{first}.gz") in str(caught.value)


def test_the_cache_folder_follows_the_system(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_CACHE", str(tmp_path))
    assert data.cache_folder() == tmp_path
    monkeypatch.delenv("TINYGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    for system, parent in (("linux", "xdg"), ("win32", "local"),
                           ("darwin", "Caches")):
        monkeypatch.setattr(mnist.sys, "platform", system)
        assert data.cache_folder().parts[-2:] == (parent, "tinygen")


def test_unknown_split():
    with pytest.raises(ValueError, match="not 'valid'"):
        data.mnist("valid")


# ---- a bad connection ------------------------------------------------------

FIRST = next(iter(SMALL))


def begin(request, length, code=200, **headers):
    request.send_response(code)
    if length is not None:
        request.send_header("Content-Length", str(length))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


def in_pieces(pieces, length, pause):
    """An answer that sends one piece after the other."""
    def answer(request):
        begin(request, length)
        try:
            for piece in pieces:
                request.wfile.write(piece)
                request.wfile.flush()
                time.sleep(pause)
        except OSError:     # the other side has had enough
            pass
    return answer


def test_a_pause_in_the_middle_does_no_harm(small_mnist, mirror):
    whole = gzip.compress(idx(FIRST))
    mirror.answers[f"{FIRST}.gz"] = in_pieces(
        [whole[:3000], whole[3000:]], len(whole), 0.5)
    assert np.array_equal(data.mnist()[0], expected()[0])


def test_half_a_file_now_and_the_whole_later(small_mnist, mirror, tmp_path):
    whole = gzip.compress(idx(FIRST))
    mirror.answers[f"{FIRST}.gz"] = in_pieces([whole[:3000]], len(whole), 0)
    with pytest.raises(ConnectionError, match="cut off after 3000 of"):
        data.mnist()
    assert not list((tmp_path / "cache" / "mnist").iterdir())
    mirror.answers[f"{FIRST}.gz"] = whole
    assert np.array_equal(data.mnist()[0], expected()[0])


def silent(request):
    begin(request, 10_000)
    time.sleep(2)


def endless(request):
    begin(request, None)
    with contextlib.suppress(OSError):
        while True:
            request.wfile.write(bytes(1 << 16))


def to(place):
    return lambda request: begin(request, 0, 302, Location=place)


NOT_SO = {
    "silence": (silent, "timed out"),
    "a trickle": (in_pieces([b"x"] * 200, 10_000, 0.05), "too slowly"),
    "without an end": (endless, "too many"),
    "a promise of 2^50 bytes": (lambda r: begin(r, 2**50), "offers 1125"),
    "a length that is no number": (lambda r: begin(r, "many"), "invalid lit"),
    "to a file of this machine": (to("file:///etc/passwd"), "not allowed"),
    "round and round": (lambda r: to(r.path)(r), "infinite loop|redirect"),
    "an error": (lambda r: r.send_error(503), "Service Unavailable"),
    "no HTTP": (lambda r: r.wfile.write(b"hello\r\n\r\n"), "hello|Bad"),
    "a closed door": (lambda r: None, "closed|reset|Remote end"),
}


@pytest.mark.parametrize("what", NOT_SO)
def test_a_mirror_that_does_not_give_the_file(
        what, small_mnist, mirror, tmp_path, monkeypatch):
    answer, words = NOT_SO[what]
    monkeypatch.setattr(mnist, "PATIENCE", 0.5)
    monkeypatch.setattr(mnist, "SLOWEST", 1 << 10)
    monkeypatch.setattr(mnist, "LARGEST", 1 << 22)
    mirror.answers[f"{FIRST}.gz"] = answer
    with pytest.raises(ConnectionError, match=words) as caught:
        data.mnist()
    assert mirror.url in str(caught.value) and "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "mnist").iterdir())


def test_to_another_place_is_followed(small_mnist, mirror):
    mirror.answers["elsewhere"] = mirror.answers[f"{FIRST}.gz"]
    mirror.answers[f"{FIRST}.gz"] = to("/elsewhere")
    assert np.array_equal(data.mnist()[0], expected()[0])


def start(mirror, small_mnist):
    code = ("from tinygen import data, mnist; "
            f"mnist.MIRRORS = [{mirror.url!r}]; "
            f"mnist.MNIST_FILES = {small_mnist!r}; "
            "print(data.mnist()[0].sum())")
    return subprocess.Popen([sys.executable, "-c", code], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_two_processes_in_the_middle_of_it(small_mnist, mirror, tmp_path):
    """The server sends the second half only when both have the first."""
    whole, both = gzip.compress(idx(FIRST)), threading.Barrier(2, timeout=120)

    def answer(request):
        begin(request, len(whole))
        request.wfile.write(whole[:3000])
        request.wfile.flush()
        both.wait()
        request.wfile.write(whole[3000:])

    mirror.answers[f"{FIRST}.gz"] = answer
    processes = [start(mirror, small_mnist) for _ in range(2)]
    said = [process.communicate(timeout=200)[0] for process in processes]
    assert said == [f"{expected()[0].sum()}\n"] * 2
    names = sorted(p.name for p in (tmp_path / "cache" / "mnist").iterdir())
    assert names == sorted(f"{name}.gz" for name in SMALL)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle(number, small_mnist, mirror, tmp_path):
    """Ctrl-C leaves nothing. What a kill leaves is not taken for the file,
    and is cleared away an hour later."""
    whole, begun = gzip.compress(idx(FIRST)), threading.Event()

    def answer(request):
        begin(request, len(whole))
        request.wfile.write(whole[:3000])
        request.wfile.flush()
        time.sleep(0.5)
        begun.set()
        time.sleep(2)

    mirror.answers[f"{FIRST}.gz"] = answer
    process = start(mirror, small_mnist)
    assert begun.wait(timeout=200)
    process.send_signal(number)
    process.communicate(timeout=200)
    left = list((tmp_path / "cache" / "mnist").iterdir())
    assert len(left) == (number == signal.SIGKILL), left
    mirror.answers[f"{FIRST}.gz"] = whole
    for part in left:
        assert re.fullmatch(rf"\.{FIRST}\.[0-9a-f]{{8}}\.part\.gz", part.name)
        os.utime(part, (0, 0))
    assert np.array_equal(data.mnist()[0], expected()[0])
    names = sorted(p.name for p in (tmp_path / "cache" / "mnist").iterdir())
    assert names == sorted(f"{name}.gz" for name in SMALL)


# ---- files from strangers --------------------------------------------------

def bomb(path):
    """Ten thousand million zeros in a hundred members of 97 KB each."""
    path.write_bytes(gzip.compress(bytes(10**8), 9) * 100)


@pytest.mark.parametrize("spoil", [
    bomb, lambda path: os.truncate(path, 10**10),
    lambda path: path.write_bytes(b"\0\0\x08\3" + b"\x7f\xff\xff\xff" * 3)])
def test_a_file_on_disk_that_would_fill_the_memory(
        spoil, tmp_path, measured):
    path = tmp_path / "mnist" / "train-images-idx3-ubyte"
    path.parent.mkdir()
    path.touch()
    spoil(path)
    said, megabytes = measured(
        "import os; from tinygen import mnist; os.environ['TINYGEN_DATA'] = "
        "sys.argv[1]", "mnist.mnist()", tmp_path)
    assert said.startswith(f"ValueError {path} is not MNIST")
    assert megabytes < 150      # the file itself has 47, read and then kept

"""MNIST from disk and over the net: what is right comes in, once; what is
not is refused in a sentence, and leaves nothing behind."""

import gzip
import hashlib
import http.server
import os
import subprocess
import sys
import threading

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
    length it promises). mirror.asked counts the requests."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked += 1
            answer = server.answers.get(self.path[1:])
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


def test_two_processes_may_download_at_once(small_mnist, mirror, tmp_path):
    code = ("from tinygen import data, mnist; "
            f"mnist.MIRRORS = [{mirror.url!r}]; "
            f"mnist.MNIST_FILES = {small_mnist!r}; "
            "print(data.mnist()[0].sum())")
    both = [subprocess.Popen([sys.executable, "-c", code], text=True,
                             stdout=subprocess.PIPE, env=dict(os.environ))
            for _ in range(2)]
    sums = [process.communicate(timeout=60)[0] for process in both]
    assert sums == [f"{expected()[0].sum()}\n"] * 2
    assert len(list((tmp_path / "cache" / "mnist").iterdir())) == 2


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

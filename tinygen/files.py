"""Files that are there whole or not at all, and folders one can write to."""

import errno
import os
import re
import secrets
import time
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:     # Windows
    fcntl = None

# Why a file cannot be written: no room, no right, a folder in its place
DISK = (errno.ENOSPC, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS,
        errno.EISDIR)


@contextmanager
def replacing(path):
    """A temporary path beside `path`, moved onto it when the block ends.

    with replacing("run/history.csv") as part: part.write_text(...)

    A reader sees the old file or the new one, never a piece. If the block
    fails (a full disk, Ctrl-C), the temporary file goes and the old one
    stays. A process killed in between leaves a hidden .part file.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part"
                          f"{path.suffix}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write "
                                f"{path.name} in")
    if path.exists() and not path.is_file():    # a device, a folder
        raise OSError(f"cannot write {path} (it is no file): choose another "
                      "place")
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())  # on the disk before it gets the name
        os.replace(part, path)
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise type(error)(f"cannot write {path} ({error.strerror}): make "
                          "room, or choose another place") from error
    finally:
        part.unlink(missing_ok=True)


def writable_folder(path):
    """Make the folder `path` if need be, and show that it can be written to.

    Returns it as a Path. OSError: it cannot be made or written to.
    """
    path = Path(path)
    probe = path / f".{secrets.token_hex(4)}.part"
    try:
        path.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"probe")
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        why = ("a file is in its place" if isinstance(
            error, (FileExistsError, NotADirectoryError)) else error.strerror)
        raise type(error)(f"cannot write to the folder {path} ({why}): "
                          "choose another one") from None
    return path


def sweep(folder, names, age=0):
    """Remove what the above left in a folder when they were killed, at least
    `age` seconds ago, of files whose stem is one of `names`, a pattern."""
    part = re.compile(rf"\.(({names})\.)?[0-9a-f]{{8}}\.part(\.\w+)?")
    for left in Path(folder).iterdir():
        with suppress(FileNotFoundError):   # another process was faster
            if part.fullmatch(left.name) and left.is_file() and not (
                    age and left.stat().st_mtime > time.time() - age):
                left.unlink()


class Lock:
    """Until it goes, or free(), no other process gets a Lock of the folder.

    BlockingIOError: another has it. This process may take it anew: a run
    that a notebook's last traceback keeps alive does not count. Nothing is
    written, and who is killed leaves no lock. Without effect on Windows,
    and where the file system has none.
    """

    held = weakref.WeakValueDictionary()    # by this process

    def __init__(self, folder):
        key, self.free = os.path.realpath(folder), int
        if fcntl is None:
            return
        if key in self.held:
            self.held[key].free()
        file, self.held[key] = os.open(folder, os.O_RDONLY), self
        self.free = weakref.finalize(self, os.close, file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"another Python is training in {folder} (or was interrupted "
                "there, in a notebook that is still open): end it, or choose "
                "another folder") from None
        except OSError:
            pass


def check_size(path, most):
    """ValueError for a file of more than `most` bytes: it is not read."""
    if Path(path).stat().st_size > most:
        raise ValueError(f"{path} is too large (more than {most >> 20} MB)")

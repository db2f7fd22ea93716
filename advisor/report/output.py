"""Write a result to stdout or to a file, whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from pathlib import Path

from advisor.domain.errors import InputError


def write_result(content: str | bytes, output: str | None) -> None:
    """Write to `output`; None and "-" are stdout. A file appears complete or not at all.

    Raises
    ------
    InputError
        When the place cannot be written, or binary content would go to a terminal.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if output is None or output == "-":
        if isinstance(content, bytes) and sys.stdout.isatty():
            raise InputError("a PDF does not belong on a terminal; give --output FILE.pdf or redirect stdout")
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    if path.is_dir():
        raise InputError(f"--output {output}: is a folder; give a file name")
    if path.exists() and not path.is_file():
        # A device or a pipe is written to; replacing it would take /dev/null from the whole machine.
        try:
            path.write_bytes(data)
        except OSError as error:
            raise InputError(f"--output {output}: cannot be written ({error.strerror})") from None
        return
    try:
        replace_file(path, data)
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written ({error.strerror})") from None


def replace_file(path: Path, data: bytes, *, private: bool = False, follow: bool = False) -> None:
    """Write a file so that a reader sees the old or the new one, never half; one that is there keeps its permissions.

    Parameters
    ----------
    private
        A new file may be read by its owner only.
    follow
        Write what a link leads to; otherwise the file takes the place of the link.

    Raises
    ------
    OSError
        When the place cannot be written, or the file that is there may not be.
    """
    if follow and path.is_symlink():
        path = path.resolve()
    mode = _mode(path, private=private)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or Path())
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _mode(path: Path, *, private: bool) -> int:
    if path.is_symlink() or not path.exists():
        umask = os.umask(0)
        os.umask(umask)
        return 0o600 if private else 0o666 & ~umask
    if not os.access(path, os.W_OK):  # its folder would let it be replaced all the same
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return stat.S_IMODE(path.stat().st_mode)

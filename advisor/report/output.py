"""Write a result to stdout or to a file, whole or not at all."""

from __future__ import annotations

import os
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
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or Path())
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            umask = os.umask(0)
            os.umask(umask)
            Path(temporary).chmod(0o666 & ~umask)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written ({error.strerror})") from None

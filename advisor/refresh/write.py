"""Replaces a whole folder of the cache at once, or not at all: the refreshed overlay, or the fit.

Every version is a folder of its own (a generation) below `refreshed.d`; `refreshed` is a link to the one in force, and
changing a link is one step for every reader. The generation before stays, for readers that began with it. A lock that
the system releases when its holder dies keeps two writers apart.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from advisor.domain.errors import InputError

CURRENT = "refreshed"
FIT = "fit"
LOCK = "refresh.lock"
STATE = "state.json"
"""Last file of an overlay."""
_WHOLE = ".whole"
"""Written last of all: a generation without it is not complete."""
_OLD = "-old"
"""Marks what was in force, where the replacement takes two steps."""


@contextmanager
def write_lock(
    cache: Path, *, wait_s: float = 30.0, sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:  # fmt: skip
    """Hold the lock of the refreshed data; wait for another holder, but not for ever.

    Raises
    ------
    InputError
        When another refresh does not finish, or the cache folder cannot be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        file = (cache / LOCK).open("a+b")
    except OSError as error:
        raise InputError(f"{cache}: cannot be written ({error.strerror}); set ADVISOR_CACHE_DIR") from None
    with file:
        start = clock()
        while not _try_lock(file.fileno()):
            if clock() - start >= wait_s:
                raise InputError(f"another refresh is at work on {cache}; waited {wait_s:g} s, nothing was changed")
            sleep(0.05)
        try:
            for name in (CURRENT, FIT):
                _recover(cache, name)
            yield
        finally:
            _unlock(file.fileno())


def replace_folder(cache: Path, files: Mapping[str, str], check: Callable[[Path], None], folder: str = CURRENT) -> Path:
    """Write a new generation, check it, and put it in force; call it with the lock held.

    Parameters
    ----------
    files
        Content by path below the folder.
    check
        Raises when the written files cannot be used; then nothing changes.
    """
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    staging = _generations(cache, folder) / name
    try:
        staging.mkdir(parents=True)
        try:
            for path in sorted(files):
                _write(staging / path, files[path])
            check(staging)
            _write(staging / _WHOLE, "")
            return _publish(cache, folder, staging)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(f"{cache}: cannot be written ({error.strerror}); the old data stay") from None


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _generations(cache: Path, folder: str) -> Path:
    return cache / f"{folder}.d"


def _publish(cache: Path, folder: str, staging: Path) -> Path:
    current = cache / folder
    if os.name == "nt":
        _move_in(current, staging)  # a link to a folder cannot be replaced there
        return current
    before = current.resolve() if current.exists() else None
    link = cache / f".{folder}.{secrets.token_hex(4)}"
    try:
        link.symlink_to(Path(staging.parent.name) / staging.name, target_is_directory=True)
    except OSError:
        _move_in(current, staging)  # a file system without links: two steps, and _recover between them
        return current
    try:
        if current.is_dir() and not current.is_symlink():
            current.rename(staging.parent / f"{0:020d}-{secrets.token_hex(4)}")
        link.replace(current)
    except BaseException:
        link.unlink(missing_ok=True)
        raise
    _fsync_folder(cache)
    _clean(staging.parent, keep={staging.resolve(), *([before] if before else [])})
    for left in cache.glob(f".{folder}.*"):
        left.unlink(missing_ok=True)
    return staging


def _move_in(current: Path, staging: Path) -> None:
    generations = staging.parent
    if current.exists():
        current.rename(generations / f"{time.time_ns():020d}-{secrets.token_hex(4)}{_OLD}")
    staging.rename(current)
    _clean(generations, keep={current.resolve()})


def _recover(cache: Path, name: str) -> None:
    """Finish a replacement that was killed between its two steps."""
    current, folder = cache / name, _generations(cache, name)
    if current.exists():
        return
    kept = sorted(folder.iterdir()) if folder.is_dir() else []
    if any(path.name.endswith(_OLD) for path in kept):
        whole = [path for path in kept if (path / _WHOLE).is_file()]
        if whole:
            whole[-1].rename(current)


def _clean(generations: Path, keep: set[Path]) -> None:
    for path in generations.iterdir():
        if path.resolve() not in keep:
            shutil.rmtree(path, ignore_errors=True)


def _fsync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)

"""What a user may set about refreshes: mirrors, limits, sources left out. `refresh.toml` in the config folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from advisor.catalog.read import toml_of
from advisor.domain.errors import InputError, did_you_mean

FILE = "refresh.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(_Strict):
    """Bounds of every request; the same for all sources."""

    connect_s: float = Field(10.0, gt=0, le=120, description="Longest wait for a connection [s].")
    read_s: float = Field(15.0, gt=0, le=120, description="Longest silence in an answer [s].")
    total_s: float = Field(120.0, gt=0, le=3600, description="Longest time for one file, retries apart [s].")
    max_mib: int = Field(64, ge=1, le=1024, description="Largest file as sent [MiB].")
    max_decoded_mib: int = Field(192, ge=1, le=4096, description="Largest file once unpacked [MiB].")
    attempts: int = Field(3, ge=1, le=10, description="Tries per file.")
    backoff_s: float = Field(0.5, ge=0, le=60, description="First wait between tries [s]; it doubles.")
    max_wait_s: float = Field(20.0, ge=0, le=300, description="Longest wait between tries [s].")
    redirects: int = Field(3, ge=0, le=10, description="Redirects followed, within the same host.")
    ca_file: str | None = Field(None, description="Certificates to trust beside the usual ones.")


class SourceSettings(_Strict):
    """One source."""

    enabled: bool = Field(True, description="Whether `advisor refresh` asks it.")
    base: str | None = Field(None, description="Address of a mirror, in place of the source's own.")
    allow_private: bool = Field(
        False, description="Allow a mirror at a private or loopback address, and http:// to it."
    )
    items: tuple[str, ...] | None = Field(None, description="Only these parts of the source.")


class RefreshSettings(_Strict):
    """`refresh.toml`."""

    network: Network = Network()
    sources: dict[str, SourceSettings] = Field(default_factory=dict)

    def source(self, name: str) -> SourceSettings:
        """Settings of one source; the defaults where the file is silent."""
        return self.sources.get(name, SourceSettings())


def read_settings(path: Path | None, config: Path, known: tuple[str, ...]) -> RefreshSettings:
    """Settings from `path`, or from the config folder where there is such a file.

    Raises
    ------
    InputError
        With file and key, where something is wrong.
    """
    file = path or config / FILE
    if path is None and not file.is_file():
        return RefreshSettings()
    try:
        content = toml_of(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"{file}: is not TOML: {error}") from None
    try:
        settings = RefreshSettings.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file}: {key}: {first['msg']} (value {first['input']!r})") from None
    for name in settings.sources:
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise InputError(f"{file}: sources.{name}: no source of that name{hint}")
    return settings

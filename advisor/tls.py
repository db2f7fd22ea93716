"""The certificates that `probe` and `refresh` trust: the usual ones, or those that the environment names."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import httpx

from advisor.domain.errors import InputError


def tls_context(ca_file: str | None, option: str = "--ca-file") -> ssl.SSLContext:
    """A context that verifies certificates and host names; there is no way to turn that off.

    Parameters
    ----------
    ca_file
        Certificates to trust beside the usual ones.
    option
        What the user calls that file, for the message.

    Raises
    ------
    InputError
        Where that file, or one that SSL_CERT_FILE or SSLKEYLOGFILE names, cannot be used.
    """
    try:
        context = httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise InputError(_of_environment(error)) from None
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise InputError(f"{option} {ca_file}: {_reason(ca_file, error)}") from None
    return context


def _of_environment(error: OSError) -> str:
    log = os.environ.get("SSLKEYLOGFILE")
    # OpenSSL does not say which file of certificates it could not read; of a key log Python does.
    name = "SSLKEYLOGFILE" if log and error.filename == log else "SSL_CERT_FILE"
    file = os.environ.get(name)
    if file is None:
        return f"the bundled certificates cannot be read ({error}); install certifi again, or set SSL_CERT_FILE"
    return f"{name}={file}: {_reason(file, error)}; correct it, or unset it"


def _reason(file: str, error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"holds no certificate that can be read ({error.reason or error})"
    return "not there" if not Path(file).exists() else f"cannot be used ({error.strerror or error})"

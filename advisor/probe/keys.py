"""The API key: where it may come from, where it may go, and that it appears nowhere else."""

from __future__ import annotations

import getpass
import importlib
import os
from collections.abc import Generator, Mapping
from urllib.parse import quote

import httpx

from advisor.domain.errors import InputError

REDACTED = "[key]"
DEFAULT_ENV = "ADVISOR_API_KEY"
_SHORTEST_REDACTED = 6


class Secret:
    """A key that shows itself only to `reveal`; printing, formatting and pickling give a placeholder."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself; for the Authorization header and for redaction only."""
        return self._value

    def __repr__(self) -> str:
        return "Secret([key])"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return REDACTED

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, ("",)

    def __bool__(self) -> bool:
        return bool(self._value)


class HostBoundKey(httpx.Auth):
    """Bearer authentication for one origin; any other request goes without."""

    def __init__(self, key: Secret, url: httpx.URL) -> None:
        self._key = key
        self._origin = (url.scheme, url.host, url.port)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header where scheme, host and port are the user's own."""
        if self._key and (request.url.scheme, request.url.host, request.url.port) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


class Redactor:
    """Removes the key from text of the server's, which may echo it."""

    def __init__(self, key: Secret) -> None:
        value = key.reveal()
        forms = {value, quote(value, safe=""), value.strip()}
        self._forms = sorted((form for form in forms if len(form) >= _SHORTEST_REDACTED), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return text


def find_key(
    *, env_name: str | None, prompt: bool, keyring_service: str | None, environ: Mapping[str, str] | None = None
) -> Secret:
    """The key from an environment variable, a prompt without echo, or the system keyring; empty where none.

    Parameters
    ----------
    env_name
        Variable that must be set; None looks at `ADVISOR_API_KEY` and goes without where it is absent.
    prompt
        Ask on the terminal, without echo.
    keyring_service
        Service name in the system keyring (needs the package `keyring`); the user name is `advisor`.
    """
    environ = os.environ if environ is None else environ
    if prompt:
        value = getpass.getpass("API key (not shown, not stored): ")
    elif keyring_service is not None:
        value = _from_keyring(keyring_service)
    elif env_name is not None:
        if not environ.get(env_name):
            raise InputError(f"--key-env {env_name}: that variable is not set or empty; export it, or use --key-prompt")
        value = environ[env_name]
    else:
        value = environ.get(DEFAULT_ENV, "")
    value = value.strip()
    if any(not 32 < ord(character) < 127 for character in value):
        raise InputError("the API key holds a space, a control or a non-ASCII character; check what was pasted")
    return Secret(value)


def _from_keyring(service: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise InputError("--key-keyring needs the package keyring: pip install keyring") from None
    try:
        value = keyring.get_password(service, "advisor")
    except Exception as error:  # any backend may raise its own kind
        raise InputError(f"the system keyring gave no answer ({type(error).__name__})") from None
    if not value:
        raise InputError(
            f'the keyring holds no key for service "{service}", user "advisor"; store one with'
            f" `keyring set {service} advisor`"
        )
    return str(value)

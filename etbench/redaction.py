"""What is secret, declared once, and texts and configurations without it.

Results, event logs, manifests and Hydra's own files record what a run was asked for. So a secret must not be
written into a configuration: the command line refuses one (`secrets_written_in`) and names the way out, a
reference to a variable of the environment. The value of such a variable is left out of every record and
message, as are the query and the user part of any URL.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

__all__ = [
    "HARMLESS_REMOTE_OPTIONS",
    "LEFT_OUT",
    "arguments_without_secrets",
    "secret_fault",
    "secrets_written_in",
    "withhold",
    "without_secrets",
    "without_secrets_in",
]

LEFT_OUT = "(left out)"
REMOTE_OPTIONS = "cache.remote_options"

# Options of fsspec's file systems that are recorded, at any depth. All others may be credentials: each file
# system has its own names for these.
HARMLESS_REMOTE_OPTIONS = frozenset(
    [
        "account_name",
        "addressing_style",
        "anon",
        "auto_mkdir",
        "block_size",
        "cache_timeout",
        "cache_type",
        "connect_timeout",
        "consistency",
        "default_block_size",
        "default_fill_cache",
        "endpoint_url",
        "host",
        "listings_expiry_time",
        "location",
        "max_attempts",
        "max_concurrency",
        "max_pool_connections",
        "mode",
        "port",
        "profile",
        "project",
        "protocol",
        "read_timeout",
        "region",
        "region_name",
        "requester_pays",
        "signature_version",
        "skip_instance_cache",
        "timeout",
        "use_listings_cache",
        "use_ssl",
        "verify",
        "version_aware",
    ]
)

# Elsewhere, what options with credentials are called: words of a name, and pairs of words.
WORDS = (
    "apikey|accesskey|auth|authorization|bearer|cookies?|credentials?|jwt|passphrase|passwd|password|pkey|pwd"
)
PAIRS = (
    "(?:api|access|account|private|secret)[_-]?key|(?:access|auth|hf|sas|security|session)[_-]?token|secrets?"
)
SECRET_NAME = re.compile(rf"(?:^|[_-])(?:{WORDS}|{PAIRS})(?:$|[_-])|^token$", re.IGNORECASE)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

REFERENCE = re.compile(r"\$\{oc\.(?:env:[^,{}]+|decode:\$\{oc\.env:[^,{}]+\})\}")
URL = re.compile(r"\b(?P<scheme>[a-z][a-z0-9+.-]{0,30}://)(?P<rest>[^\s'\"<>`]+)", re.IGNORECASE)
PARAMETER = re.compile(
    rf"(?P<name>(?<![\w-])(?:(?:[\w.-]{{0,60}}[_.-])?(?:{WORDS}|{PAIRS}|sig|signature)|(?:[\w.]{{0,60}}\.)?token))"
    r"(?P<is>['\"]\s*[=:]\s*|=)(?P<quote>['\"]?)(?!\$\{|\(left)[^\s'\"&,;)}\]]{3,}",
    re.IGNORECASE,
)
HEADER = re.compile(r"(?P<name>authorization['\"]?\s*[:=]\s*['\"]?)(?:\w+\s+)?[^\s'\"]+", re.IGNORECASE)
SHORTEST = 8  # characters of a value that is searched for in texts

_withheld: set[str] = set()  # values of this process


def withhold(values: Iterable[str]) -> None:
    """Leave these values out of all texts from now on; short ones stay, since they may be parts of words."""
    _withheld.update(value for value in values if len(value) >= SHORTEST)


def without_secrets(text: str) -> str:
    """Return a text without known secrets, what looks like one, and the query and user part of its URLs.

    >>> without_secrets("GET https://me:word@host/a.bin?X-Amz-Signature=0ab failed, password=hunter2")
    'GET https://host/a.bin failed, password=(left out)'
    """
    text = _plain_urls(text)
    for value in sorted(_withheld, key=len, reverse=True):
        text = text.replace(value, LEFT_OUT)
    text = HEADER.sub(rf"\g<name>{LEFT_OUT}", text)
    return PARAMETER.sub(rf"\g<name>\g<is>\g<quote>{LEFT_OUT}", text)


def without_secrets_in(config: Any) -> Any:
    """Return a configuration as it is recorded, and `withhold` what is left out of it."""
    secrets = list(_secrets(config))
    withhold(part for _, value in secrets for text in _texts(value) for part in _secret_parts(text))
    return _recorded(config, {place for place, _ in secrets})


def secrets_written_in(config: Any) -> list[str]:
    """Return the dotted names of what must not be written into a configuration, before it is resolved.

    That is the value of an option with a secret name, of one of `cache.remote_options` that is not declared
    harmless, and a URL with a query or a user part, unless it is a reference such as ``${oc.env:NAME}``.
    """
    return [place for place, value in _secrets(config) if not _is_reference(value)]


def secret_fault(place: str) -> str:
    """Return the error of a configuration with a secret at this place, which does not contain the secret."""
    return (
        f"{place}: results record the configuration, so it must not contain credentials, nor a URL with a "
        "query or a user part; set them in the environment or a profile, such as AWS_ACCESS_KEY_ID, or write "
        "'${oc.env:NAME}', which refers to a variable of the environment"
    )


def arguments_without_secrets(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command line as they are recorded, without overrides that set a secret."""
    kept = []
    for text in arguments:
        key, equals, value = text.lstrip("+~").partition("=")
        if equals and _is_secret(key) and not _is_reference(value.strip("'\"")):
            continue
        kept.append(_plain_urls(text))
    return kept


def _secrets(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the places of secrets in nested mappings and lists, with their values."""
    if value in (None, "") or isinstance(value, bool):
        return
    inside = isinstance(value, dict | list | tuple)
    if _is_secret(at, whole=not inside) or (isinstance(value, str) and _plain_urls(value) != value):
        yield at, value
        return
    for name, inner in _inside(value):
        yield from _secrets(inner, f"{at}.{name}" if at else str(name))


def _inside(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()


@functools.lru_cache(maxsize=4096)  # the same keys in each cell of a sweep
def _is_secret(place: str, *, whole: bool = True) -> bool:
    """Return whether the value at a dotted place is, or may be, a credential.

    A mapping or list, which is not a `whole` value, is one only by its name.
    """
    name = next((part for part in reversed(place.split(".")) if not part.isdecimal()), "")
    if SECRET_NAME.search(CAMEL.sub("_", name)):
        return True
    return whole and place.startswith(f"{REMOTE_OPTIONS}.") and name not in HARMLESS_REMOTE_OPTIONS


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and REFERENCE.fullmatch(value) is not None


def _recorded(value: Any, secret: Collection[str], at: str = "") -> Any:
    if at in secret:
        return _plain_urls(value) if isinstance(value, str) and not _is_secret(at) else LEFT_OUT
    if isinstance(value, dict):
        prefix = f"{at}." if at else ""
        return {key: _recorded(inner, secret, f"{prefix}{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_recorded(inner, secret, f"{at}.{place}") for place, inner in enumerate(value)]
    return value


def _plain_urls(text: str) -> str:
    """Return a text whose URLs have no user part, query and fragment."""
    return URL.sub(lambda url: url["scheme"] + _plain(url["rest"]), text) if "://" in text else text


def _plain(rest: str) -> str:
    """Return what follows ``://`` in a URL, without its user part, query and fragment."""
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, inside = path.partition("/")
    host = host.rpartition("@")[2]
    if re.search(r":(?!\d*$)", host) and not host.startswith("["):  # user:password, cut at a # or ?
        host = ""
    return f"{host}{slash}{inside}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for _, inner in _inside(value):
        yield from _texts(inner)


def _secret_parts(text: str) -> list[str]:
    """Return the secret parts of a value: of a URL, the password and what query and fragment set."""
    if "://" not in text:
        return [text]
    try:
        url = urlsplit(text)
    except ValueError:
        return []
    return [
        url.password or "",
        *(value for part in (url.query, url.fragment) for _, value in parse_qsl(part)),
    ]

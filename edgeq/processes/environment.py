"""Selects the environment variables that a child process sees.

It is an allow-list, because CI keeps its secrets in other variables. Models come from elsewhere,
and the runtime and converters that read them are large. They never receive what they would need to
reach the project's secrets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import edgeq

_INSTALLED_IN = frozenset({"site-packages", "dist-packages"})

_SECRET = re.compile(
    r"(?i)(?:^|_)(?:(?:api|access|private|secret|signing|ssh|encryption)?_?key|token|secrets?|pat|"
    r"passw(?:or)?d|passphrase|pwd|pass|credentials?|creds|auth(?:orization)?|cookies?|jwt|dsn|sas|"
    r"connection_?strings?|webhook(?:_url)?|cert(?:ificate)?_data)(?:_|\d|$)|"
    r"^(?:PGPASSWORD|MYSQL_PWD|NETRC|DOCKER_AUTH_CONFIG|KUBECONFIG_DATA)$|"
    r"(?:^|_)(?:database|db|redis|mongo(?:db)?|postgres(?:ql)?|mysql|amqp|rabbitmq|broker|sentry|"
    r"clearml|mlflow_tracking)_ur[li]$|PASSWORD|SECRET"
)
_FOLDERS = frozenset({"PWD", "OLDPWD", "SSH_AUTH_SOCK", "XAUTHORITY"})
_WITH_PASSWORD = re.compile(r"\w+://[^/\s:@]*:([^/\s@]+)@")
MIN_SECRET = 8

_NUMERIC = (
    r"(OMP|MKL|OPENBLAS|GOMP|KMP|NUMEXPR|VECLIB)_\w+|CUDA_\w+|XLA_FLAGS|"
    r"NVIDIA_(VISIBLE_DEVICES|DRIVER_CAPABILITIES)|"
    r"TF_(CPP|ENABLE|DISABLE|NUM|XLA|GPU|USE|FORCE|CUDNN|DETERMINISTIC)_\w+"
)
"""Settings that affect numbers: threads, devices, kernels."""

_ALLOWED = re.compile(
    # System: locations of programs, temporary files, fonts and time zones; the user.
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|TEMP|TMP|TZ|TZDIR|LANG|LANGUAGE|LC_[A-Z]+|TERM|"
    r"XDG_(CACHE|CONFIG|DATA|STATE)_HOME|XDG_RUNTIME_DIR|LD_LIBRARY_PATH|LD_PRELOAD|"
    r"DYLD_(FALLBACK_)?LIBRARY_PATH|MALLOC_\w+|GLIBC_TUNABLES|"
    # Python and its packages.
    r"PYTHON(PATH|HOME|USERBASE|NOUSERSITE|UTF8|IOENCODING|HASHSEED|WARNINGS|OPTIMIZE|"
    r"DONTWRITEBYTECODE|PYCACHEPREFIX|UNBUFFERED|FAULTHANDLER|MALLOC|DEVMODE|SAFEPATH)|"
    r"VIRTUAL_ENV|CONDA_PREFIX|CONDA_DEFAULT_ENV|NIX_(SSL_CERT_FILE|LD\w*)|COVERAGE_PROCESS_(START|CONFIG)|"
    rf"{_NUMERIC}|"
    r"KERAS_(HOME|BACKEND)|TFHUB_CACHE_DIR|TORCH_HOME|HF_HOME|"
    # Downloads of weights.
    r"(?i:https?_proxy|no_proxy|all_proxy)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|"
    r"CURL_CA_BUNDLE|"
    r"EDGEQ_DATA"
)
_REMOTE = re.compile(
    r"SSH_AUTH_SOCK|SSH_AGENT_PID|SSH_ASKPASS|DISPLAY|ANDROID_(HOME|SERIAL|SDK_ROOT)|"
    r"(ANDROID_)?ADB_(SERVER_\w+|VENDOR_KEYS)"
)
"""Variables for programs that start a worker on another machine."""
_SECRET_PROXY = re.compile(r"(?i)\w+_proxy")


def allowed(
    environment: Mapping[str, str], *, others: Collection[str] = (), remote: bool = False
) -> dict[str, str]:
    """Return the variables that a child process may see.

    ``others`` names additional variables that the user allows; ``remote`` says whether the child is
    a program that starts a worker on another machine.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in others
        or _ALLOWED.fullmatch(name)
        or (remote and _REMOTE.fullmatch(name) is not None)
    }


def numeric(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that affect numbers, which must be the same wherever a model is made."""
    return {name: value for name, value in environment.items() if re.fullmatch(_NUMERIC, name)}


def importable(environment: Mapping[str, str]) -> dict[str, str]:
    """Add this package to the child's import path if it is not installed; return the variables."""
    variables = dict(environment)
    root = Path(edgeq.__file__).parents[1]
    if root.name not in _INSTALLED_IN:
        paths = [str(root), variables.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return variables


def without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables without proxies, whose addresses may contain a password."""
    return {name: value for name, value in environment.items() if not _SECRET_PROXY.fullmatch(name)}


def secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values to hide: those of variables named like secrets, and passwords in addresses.

    Values shorter than ``MIN_SECRET`` characters are skipped, because they occur in any text.
    """
    named = [
        value
        for name, value in environment.items()
        if _SECRET.search(name) and name not in _FOLDERS
    ]
    passwords = [
        password for value in environment.values() for password in _WITH_PASSWORD.findall(value)
    ]
    long_enough = {secret for secret in (*named, *passwords) if len(secret) >= MIN_SECRET}
    # Longest first, so that a secret inside a longer one does not break it up.
    return tuple(sorted(long_enough, key=lambda secret: (-len(secret), secret)))

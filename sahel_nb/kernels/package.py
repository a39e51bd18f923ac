"""Kaggle's own `kaggle` package, opened: pointed at the right service, signed in, and with time limits.

`import kaggle` authenticates, may print to stdout and takes a third of a second: it happens when it is first needed and
only then. The package sets no limits; ours are mounted on its HTTP sessions (`transport`). It is pointed at another
service through the SDK's endpoint table, before it is imported.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sahel_nb.distribution import install_command
from sahel_nb.errors import NOTHING_STARTED, AuthError, UsageError
from sahel_nb.kernels.door import translated
from sahel_nb.kernels.target import Target

_LOOPBACK = "localhost,127.0.0.1,::1"


def open_api(target: Target) -> Any:
    """The package's API object for `target`; one target a process.

    Raises `AuthError` without credentials, `NetworkError` where signing in gets no answer, `UsageError` where the
    package cannot be used on this machine.
    """
    if target.url:
        from kagglesdk import kaggle_env

        # The package asks for PROD by name, or for LOCAL where KAGGLE_API_ENVIRONMENT=LOCALHOST. To PROD it appends
        # /v1/…, to any other /api/v1/…, which is where other services live.
        endpoints = kaggle_env._env_to_endpoint
        endpoints.update(dict.fromkeys(endpoints, target.url))
        endpoints[kaggle_env.KaggleEnv.PROD] = f"{target.url}/api"
    without_proxy(target)
    own = _only(target) if target.username else contextlib.nullcontext()
    with own, contextlib.redirect_stdout(io.StringIO()), translated("signing in to Kaggle"):
        try:
            import kaggle
            from kaggle.api.kaggle_api_extended import KaggleApi
        except ModuleNotFoundError as exc:
            raise _no_package(exc) from exc
        except OSError as exc:
            if not exc.filename:  # a failure of the line, and not of a file
                raise
            raise _no_home(exc) from exc
    if not getattr(kaggle.api, "_authenticated", False):
        raise AuthError(
            _broken(Path(str(kaggle.api.config))) or "no Kaggle credentials were found",
            details=(
                "for Kaggle itself: sign in, or save a token (kaggle.com → Settings → API) as ~/.kaggle/access_token;",
                "the embedded service needs none: rehearse",
            ),
            hints=("kaggle auth login", "sahel-nb rehearse"),
            kaggle=NOTHING_STARTED,
        )

    from sahel_nb.kernels.transport import allow_plain, guard_session

    allow_plain(target.url)
    credentials = (target.username, target.key) if target.username else None

    class Api(KaggleApi):  # type: ignore[misc]  # the package ships no types
        """The package's API, with our rules on every session that it calls the service by."""

        def build_kaggle_client(self) -> Any:
            sdk = super().build_kaggle_client()
            sdk._http_client._init_session()
            if credentials is not None:
                sdk._http_client._session.auth = credentials
            sdk._http_client._session.headers.update(target.headers)
            guard_session(sdk._http_client._session, target.patience)
            return sdk

    api = Api()
    api.config_values = dict(kaggle.api.config_values)
    return api


def without_proxy(target: Target) -> None:
    """For a service on this machine, and for the files that it offers. No other process of ours speaks to it."""
    if target.is_loopback:
        for name in ("no_proxy", "NO_PROXY"):
            value = os.environ.get(name, "")
            if not value.endswith(_LOOPBACK):
                os.environ[name] = f"{value},{_LOOPBACK}" if value else _LOOPBACK


def _broken(path: Path) -> str:
    """What is wrong with a kaggle.json that is there; empty where there is none. The package says no word about it."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return ""
    except OSError as exc:
        return f"{path} cannot be read: {exc.strerror}"
    except ValueError:
        return f"{path} is no JSON: it was cut, or edited; download it once more"
    missing = [name for name in ("username", "key") if not (isinstance(value, dict) and value.get(name))]
    return f"{path} has no {' and no '.join(missing)}" if missing else ""


def _no_home(exc: OSError) -> UsageError:
    """The package makes a folder for its settings as it is imported, below HOME."""
    return UsageError(
        f"Kaggle's client cannot keep its settings: {exc.filename}: {exc.strerror}",
        hints=("export KAGGLE_CONFIG_DIR=FOLDER",),
        kaggle=NOTHING_STARTED,
    )


def _no_package(exc: ModuleNotFoundError) -> UsageError:
    """Kaggle's client, or something that it imports, is not there: the installation is broken."""
    return UsageError(f"Kaggle's own client cannot be imported: {exc}", hints=(install_command(),))


@contextlib.contextmanager
def _only(target: Target) -> Iterator[None]:
    """While the package is imported and signs in: the target's credentials, and none of the person's own."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("KAGGLE_") or name == "HOME"}
    with tempfile.TemporaryDirectory(prefix="sahel-nb-") as home:
        for name in kept:
            del os.environ[name]
        os.environ |= {"HOME": home, "KAGGLE_USERNAME": target.username, "KAGGLE_KEY": target.key}
        try:
            yield
        finally:
            for name in ("HOME", "KAGGLE_USERNAME", "KAGGLE_KEY"):
                del os.environ[name]
            os.environ |= kept

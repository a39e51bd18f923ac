"""Every git process starts here: an argument tuple, an explicit folder, an environment we know.

This module is on the path of every commit, so it imports little and compiles no pattern.
"""

from __future__ import annotations

import os

from sahel_nb.errors import NetworkError, SahelError
from sahel_nb.repo import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

# GIT_* variables that say how to reach a server, where configuration lies, or who the person is. All others
# (GIT_DIR, GIT_INDEX_FILE, …) would silently point us at another repository and are dropped unless passed.
_KEPT = frozenset(
    (
        "GIT_ALLOW_PROTOCOL",
        "GIT_ASKPASS",
        "GIT_CEILING_DIRECTORIES",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_SYSTEM",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
        "GIT_EXEC_PATH",
        "GIT_PROXY_COMMAND",
        "GIT_PROXY_SSL_CAINFO",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_CERT",
        "GIT_SSL_KEY",
        "GIT_SSL_NO_VERIFY",
    )
)
_LEFT_OUT = ("GIT_", "KAGGLE_", "SAHEL_NB_LOCAL_")
_KEPT_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_HTTP_", "GIT_AUTHOR_", "GIT_COMMITTER_")

# What git tells a hook about the repository it is working on, `git rev-parse --local-env-vars` without configuration.
# During `git commit FILE` GIT_INDEX_FILE is a temporary index that holds exactly what will be committed.
_TOLD_TO_HOOKS = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_WORK_TREE",
)

# A person's settings that would change what we parse; and a folder that a clone brought, and that looks like a bare
# repository, is none: its configuration would start programs.
_SETTINGS = (
    *("-c", "core.quotePath=false", "-c", "color.ui=false", "-c", "advice.statusHints=false"),
    *("-c", "safe.bareRepository=explicit"),
)

# Texts (LC_ALL=C) after which git never reached a repository at the other end. Lower case.
_UNREACHABLE = (
    b"could not resolve host",
    b"could not resolve proxy",
    b"temporary failure in name resolution",
    b"connection refused",
    b"connection timed out",
    b"connection reset",
    b"no route to host",
    b"network is unreachable",
    b"failed to connect to",
    b"unable to connect to",
    b"couldn't connect to server",
    b"could not read from remote repository",
    b"does not appear to be a git repository",
    b"does not exist",
    b"' not found",
    b"the remote end hung up",
    b"early eof",
    b"unexpected disconnect",
    b"rpc failed",
    b"the requested url returned error",
    b"unable to access",
    b"authentication failed",
    b"could not read username",
    b"could not read password",
    b"access denied or repository not exported",
)
_SPEAKS_TO_REMOTES = frozenset(("fetch", "push", "ls-remote", "clone", "pull"))
_GRACE = 2.0
# A ref below refs/replace or a line in info/grafts puts another object in the place of the one that is asked for, and
# anybody who may push makes such a ref: see git-replace(1). git reads what an id names, and warns of no missing file.
_AS_NAMED = (("GIT_NO_REPLACE_OBJECTS", "1"), ("GIT_GRAFT_FILE", "/dev/null/grafts"))
_REFUSED = ": clean filter 'sahel-nb' failed"


class GitResult:
    """What one git process answered."""

    __slots__ = ("returncode", "stderr", "stdout")

    def __init__(self, returncode: int, stdout: bytes, stderr: bytes) -> None:
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr

    @property
    def text(self) -> str:
        """stdout for showing, without its final line end."""
        return self.stdout.decode("utf-8", "replace").rstrip("\n")


class GitFailed(SahelError):
    """git refused. `args_run` is what was asked, `result` what it answered."""

    def __init__(self, args_run: tuple[str | bytes, ...], result: GitResult) -> None:
        shown = " ".join(_shown(arg) for arg in args_run)
        super().__init__(f"`git {_hidden(shown)}` ended with {result.returncode}", details=_last_lines(result))
        self.args_run = args_run
        self.result = result


class FilterRefused(GitFailed):
    """git looked at a file that our filter cannot strip: a notebook that was cut, say. The message is the filter's."""

    def __init__(self, args_run: tuple[str | bytes, ...], result: GitResult) -> None:
        from sahel_nb.links import typed

        super().__init__(args_run, result)
        lines = result.stderr.decode("utf-8", "replace").splitlines()
        name = next(line for line in lines if _REFUSED in line).partition(": ")[2].partition(_REFUSED)[0]
        said = next((line for line in lines if line.startswith(f"sahel-nb: {name}: ")), f"{name}: cannot be stripped")
        self.message = said.removeprefix("sahel-nb: ")
        self.details = ("git can compare, stage and stash nothing beside it",)
        word = typed(name)
        self.hints = (f"mv {word} {typed(name + '.broken')} && git restore {word}", f"sahel-nb lint {word}")


class RemoteUnreachable(NetworkError):
    """The remote did not answer, or not in time (`result` is None then: what it did is not known)."""

    def __init__(self, args_run: tuple[str | bytes, ...], result: GitResult | None, timeout: float | None) -> None:
        why = "the remote could not be reached" if result else f"the remote did not answer within {timeout:g} s"
        super().__init__(f"`git {_verb(args_run)}`: {why}", details=_last_lines(result))
        self.args_run = args_run
        self.result = result


def git(
    *args: str | bytes,
    cwd: Path | str,
    stdin: bytes | None = None,
    check: bool = True,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
) -> GitResult:
    """Run `git ARGS` in `cwd` and wait for it. `env` is added to the scrubbed environment; see `told_to_hooks`.

    With `check`, a non-zero end raises `GitFailed`, or `NetworkError` where a command that speaks to a remote did not
    reach it. A timeout always raises `NetworkError`, since only conversations with remotes are given one.
    """
    if timeout is None:
        result = GitResult(*_start(args, cwd, env, reads=stdin is not None).communicate(stdin))
    else:
        result = _in_time(args, cwd, env, stdin, timeout)
    if check and result.returncode != 0:
        if _verb(args) in _SPEAKS_TO_REMOTES and unreachable(result.stderr):
            raise RemoteUnreachable(args, result, timeout)
        raise (FilterRefused if _REFUSED.encode() in result.stderr else GitFailed)(args, result)
    return result


def program(*args: str, stdin: bytes, env: Mapping[str, str]) -> GitResult:
    """Another program that git works with, such as ssh-keygen: in the same environment, with `env`."""
    try:
        return GitResult(*process.start(args, environment(env), reads=True).communicate(stdin))
    except FileNotFoundError as exc:
        raise SahelError(f"{args[0]} is not installed, or not on PATH") from exc


class Conversation:
    """A git that answers what it is asked until it is left, such as `cat-file --batch`."""

    def __init__(self, *args: str | bytes, cwd: Path | str, env: Mapping[str, str] | None = None) -> None:
        self._args = args
        self._child = _start(args, cwd, env, reads=True)
        self.answers: BinaryIO = open(self._child.stdout, "rb", 1 << 17, closefd=False)  # noqa: SIM115  __exit__ closes what it reads from

    def ask(self, data: bytes) -> None:
        """Write all of it. A pipe holds 64 KiB: whoever asks for more must read in between."""
        waiting = memoryview(data)
        try:
            while waiting and self._child.stdin is not None:
                waiting = waiting[os.write(self._child.stdin, waiting) :]
        except BrokenPipeError:
            raise self.failed() from None

    def failed(self) -> GitFailed:
        """git is gone, or has said what it never should: with its last words."""
        self._child.end()
        stderr = os.read(self._child.stderr, 1 << 16)
        return GitFailed(self._args, GitResult(self._child.wait() or 1, b"", stderr))

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._child.close()  # it reads the end of its input, or that nobody reads its answers
            self._child.wait()
        except BaseException:
            self._child.end()
            raise


def _start(args: tuple[str | bytes, ...], cwd: Path | str, env: Mapping[str, str] | None, reads: bool) -> process.Child:
    # posix_spawn knows no folder, -C does; what is not there must be told from what is no repository.
    if not os.path.isdir(cwd):  # noqa: PTH112  pathlib is not imported on this path
        raise FileNotFoundError(2, "No such file or directory", str(cwd))
    try:
        return process.start(("git", "-C", os.fspath(cwd), *_SETTINGS, *args), environment(env), reads=reads)
    except FileNotFoundError as exc:
        raise _no_git() from exc


def _in_time(
    args: tuple[str | bytes, ...], cwd: Path | str, env: Mapping[str, str] | None, stdin: bytes | None, timeout: float
) -> GitResult:
    import subprocess

    try:
        process = subprocess.Popen(
            ("git", *_SETTINGS, *args),
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as exc:
        if not os.path.isdir(cwd):  # noqa: PTH112  pathlib is not imported on this path
            raise
        raise _no_git() from exc
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired as exc:
        _end(process)
        raise RemoteUnreachable(args, None, timeout) from exc
    except BaseException:
        _end(process)
        raise
    return GitResult(process.returncode, stdout, stderr)


def _no_git() -> SahelError:
    return SahelError("git is not installed, or not on PATH", hints=("git --version",))


def unreachable(stderr: bytes) -> bool:
    """Does git say that it never reached a repository at the other end, or lost it?"""
    lower = stderr.lower()
    return any(text in lower for text in _UNREACHABLE)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of our git processes: no repository forced on us, no prompt, messages in English.

    git starts hooks, helpers and ssh in it, also those of a remote that is a path: no key of a service is for them.
    """
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_LEFT_OUT) or name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    env["LC_ALL"] = "C"
    env["GIT_TERMINAL_PROMPT"] = "0"
    env["GIT_OPTIONAL_LOCKS"] = "0"  # a read must not take index.lock under a person's own git command
    env.update(_AS_NAMED)
    if extra:
        env.update(extra)
    return env


def told_to_hooks(environ: Mapping[str, str]) -> dict[str, str]:
    """What git told this hook about its repository: pass it as `env` to look at the index that is being committed."""
    return {name: environ[name] for name in _TOLD_TO_HOOKS if name in environ}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and not wait for its helpers: SIGTERM lets it end them; one that hangs may keep our pipes open."""
    import subprocess

    process.terminate()
    try:
        process.communicate(timeout=_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _verb(args: tuple[str | bytes, ...]) -> str:
    """The git command among the arguments: the first that is no option of git's own."""
    skip = False
    for arg in args:
        if skip:
            skip = False
        elif arg in ("-c", "-C"):
            skip = True
        elif not _shown(arg).startswith("-"):
            return _shown(arg)
    return ""


def _shown(arg: str | bytes) -> str:
    return arg.decode("utf-8", "replace") if isinstance(arg, bytes) else arg


def _hidden(text: str) -> str:
    """For people, and for whatever keeps the message: tokens in URLs and headers are nobody's business."""
    from sahel_nb.report.redact import redacted, without_user

    return redacted(without_user(text))


def _last_lines(result: GitResult | None) -> tuple[str, ...]:
    lines = result.stderr.decode("utf-8", "replace").strip().splitlines() if result else []
    return tuple(_hidden(line) for line in lines[-8:])

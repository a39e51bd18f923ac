"""`sahel-nb`: finds the command, runs it, turns what goes wrong into two lines and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from sahel_nb import __version__
from sahel_nb.errors import EXIT_BUG, EXIT_INTERRUPTED, NetworkError, SahelError
from sahel_nb.permissions import heed_umask
from sahel_nb.report.terminal import protect_streams

# name → (module:attribute, the one line that `--help` shows). The line stands here so that help imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("sahel_nb.cli.init:init", "Set up a repository, once: config, attributes, ignore rules."),
    "install": ("sahel_nb.cli.install:install", "Set up this clone, once: the filter and the git hooks."),
    "uninstall": ("sahel_nb.cli.install:uninstall", "Take out of this clone what install put in."),
    "doctor": ("sahel_nb.cli.doctor:doctor", "Check everything; each failing row names the command that mends it."),
    "new": ("sahel_nb.cli.new:new", "Make a kernel folder: metadata, notebook and mirror."),
    "strip": ("sahel_nb.cli.strip:strip", "Strip outputs from notebooks."),
    "pair": ("sahel_nb.cli.pair:pair", "Bring notebooks and their mirrors (.py, .R, .jl) together, by content."),
    "lint": ("sahel_nb.cli.lint:lint", "Find what would waste a run, before quota is spent."),
    "check": ("sahel_nb.cli.check:check", "Check what is committed: what CI and the push hook look at."),
    "vault": ("sahel_nb.cli.vault:vault", "The outputs that this clone keeps: list, restore, gc, clear, off, on."),
    "run": ("sahel_nb.cli.run:run", "Run a kernel on Kaggle, exactly as git has it."),
    "attach": ("sahel_nb.cli.attach:attach", "Follow a run that goes on, and finish its bookkeeping."),
    "rehearse": ("sahel_nb.cli.rehearse:rehearse", "The same run on the embedded service: no account, no quota."),
    "status": ("sahel_nb.cli.status:status", "Who runs what since when: a row for each kernel."),
    "logs": ("sahel_nb.cli.logs:logs", "The log of a kernel or of one version."),
    "output": ("sahel_nb.cli.output:output", "Fetch the outputs of a kernel or of one version."),
    "debug": ("sahel_nb.cli.debug:debug", "Why a run failed: the cell, its line in the mirror, the error."),
    "stop": ("sahel_nb.cli.stop:stop", "End a running session, as far as Kaggle lets one."),
    "drift": ("sahel_nb.cli.drift:drift", "Was it edited on Kaggle? The difference, cell by cell."),
    "rescue": ("sahel_nb.cli.rescue:rescue", "Bring an edit from Kaggle's web page home into git."),
    "quota": ("sahel_nb.cli.quota:quota", "GPU and TPU hours used and left."),
    "lock": ("sahel_nb.cli.lock:lock", "The locks: look at them, take, give back or break one by hand."),
    "local": ("sahel_nb.cli.local:local", "The embedded Kaggle-compatible service."),
    "demo": ("sahel_nb.cli.demo:demo", "The whole story in a temporary folder."),
}


# What a disk says that is full, over its quota, or not to be written.
_DISK = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM))


class _ReaderGone(Exception):
    """Whoever read stdout went away. (click would end with 1 here, which is none of our exit codes.)"""


class _Stopped(Exception):
    """Ctrl-C, or a signal that counts as one. (click would print an empty line and forget which.)"""

    def __init__(self, exc: KeyboardInterrupt) -> None:
        super().__init__()
        self.exit_code = int(getattr(exc, "exit_code", EXIT_INTERRUPTED))


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports only the one that was typed."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as exc:
            raise _ReaderGone from exc
        except KeyboardInterrupt as exc:
            raise _Stopped(exc) from exc

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from importlib import import_module

        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            if near:
                raise click.UsageError(f"{exc.message} Did you mean `sahel-nb {near[0]}`?", ctx) from exc
            raise


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with `sahel-nb init` in a repository, or `sahel-nb demo` anywhere.",
)
@click.version_option(__version__, prog_name="sahel-nb")
def cli() -> None:
    """Git is the only source of truth; Kaggle is the place where notebooks run."""


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point. Expected failures: message and hints on stderr, their exit code. Bugs: a crash log, exit 70."""
    heed_umask()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before we were started (`>&-`)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  for as long as we run
    protect_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = cli.main(args=arguments, prog_name="sahel-nb", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except SahelError as exc:
        from sahel_nb.cli.context import reporter
        from sahel_nb.cli.hints import again, is_local, there

        if isinstance(exc, NetworkError) and not exc.hints:
            exc.hints = (again(arguments),)
        if is_local(arguments):
            exc.hints = tuple(map(there, exc.hints))
        reporter().error(exc)
        sys.exit(exc.exit_code)
    except click.exceptions.Exit as exc:
        sys.exit(exc.exit_code)
    except _Stopped as exc:
        sys.exit(exc.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as exc:
        exc.show()
        sys.exit(2)
    except (BrokenPipeError, _ReaderGone):
        # The reader of stdout had enough (`| head`): not an error of anybody's, and nothing is left to be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_INTERRUPTED)
    except OSError as exc:
        if exc.errno not in _DISK:
            sys.exit(_bug(exc))
        from sahel_nb.cli.context import reporter

        what = f"{exc.filename}: {exc.strerror}" if exc.filename else f"a file cannot be written: {exc.strerror}"
        reporter().error(SahelError(what, hints=(_about_the_disk(exc),)))
        sys.exit(SahelError.exit_code)
    except Exception as exc:  # noqa: BLE001  the one place where a bug becomes a crash log
        sys.exit(_bug(exc))


def _about_the_disk(exc: OSError) -> str:
    """What shows why nothing can be written there: whose it is, or how full."""
    if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and exc.filename:
        from pathlib import Path
        from shlex import quote

        return f"ls -ld {quote(str(Path(os.fsdecode(exc.filename)).absolute().parent))}"
    return "df -h . ~ /tmp"


def _bug(exc: Exception) -> int:
    from sahel_nb.notebook.secrets import search
    from sahel_nb.report import crash

    sys.stderr.write(crash.report(exc, search))
    return EXIT_BUG


if __name__ == "__main__":
    main()

"""A command whose words are read by argparse, for one that stands in the place of a program that reads its own so.

There an option may be abbreviated (`--keep-c`), may take all words up to the next option (`--keep-output-type a b`),
and may exclude another one; click knows none of the three. The options are still declared as click's: help and the
reference are made from them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

import click


class ArgparseCommand(click.Command):
    """`exclusive` lists groups of options, by name, of which one at most may be typed.

    A click option with `multiple` takes all words that follow it; typed again, it starts anew.
    """

    def __init__(self, *args: Any, exclusive: Sequence[Sequence[str]] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.exclusive = exclusive

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # the shell asks for completions
            return super().parse_args(ctx, args)
        ctx.params = vars(self._parser(ctx).parse_args(args))
        return []

    def _parser(self, ctx: click.Context) -> _Parser:
        parser = _Parser(prog=ctx.command_path, add_help=False)
        parser.ctx = ctx
        parser.add_argument("-h", "--help", action=_Help, nargs=0, dest=argparse.SUPPRESS)
        groups: dict[str, Any] = {}
        for names in self.exclusive:
            group = parser.add_mutually_exclusive_group()
            groups |= dict.fromkeys(names, group)
        for param in self.params:
            if isinstance(param, click.Option):
                target = groups.get(param.name or "", parser)
                target.add_argument(*param.opts, dest=param.name, **_kind(param))
            else:
                parser.add_argument(str(param.name), nargs="*")
        return parser


class _Parser(argparse.ArgumentParser):
    ctx: click.Context

    def error(self, message: str) -> NoReturn:
        raise click.UsageError(message, ctx=self.ctx)


class _Help(argparse.Action):
    def __call__(self, parser: Any, *args: Any, **more: Any) -> NoReturn:
        ctx: click.Context = parser.ctx
        click.echo(ctx.get_help())
        ctx.exit()


def _kind(option: click.Option) -> dict[str, Any]:
    if option.is_flag:
        return {"action": "store_true"}
    if option.multiple:
        return {"nargs": "+", "default": []}
    choices = option.type.choices if isinstance(option.type, click.Choice) else None
    return {"default": option.default, "choices": choices}

"""Where a secret may stand in what is committed: the paths and the bytes of files with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.secret_kinds import Kind


@dataclass(frozen=True)
class Place:
    """`write` gives the bytes of the file; None where a secret of several lines cannot stand there as one value."""

    name: str
    path: str
    write: Callable[[Kind, str], bytes | None]


def notebook(*cells: dict[str, object], indent: int | None = 1, metadata: object = None) -> bytes:
    first = code("import os\nx = 1")
    whole = {"cells": [first, *cells], "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=indent, ensure_ascii=False).encode()


def code(source: str, **more: object) -> dict[str, object]:
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    return cell | {"source": source.splitlines(keepends=True)} | more


def text(kind: str, source: str, **more: object) -> dict[str, object]:
    return {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)} | more


def _assigned(kind: Kind, value: str) -> str:
    quote = "'''" if "\n" in value else '"'
    return f"{kind.setting} = {quote}{value}{quote}\n"


def _one_line(write: Callable[[Kind, str], bytes]) -> Callable[[Kind, str], bytes | None]:
    return lambda kind, value: None if "\n" in value else write(kind, value)


def _halves(kind: Kind, value: str) -> tuple[str, str]:
    at = 15 if "\n" in value else len(value) // 2 if len(value) < 40 else 17
    return value[:at], value[at:].replace("\n", "\\n")


def _pieces(template: str) -> Callable[[Kind, str], bytes]:
    def write(kind: Kind, value: str) -> bytes:
        first, second = _halves(kind, value)
        return notebook(code(template % {"name": kind.setting, "a": first, "b": second}))

    return write


def _escaped(kind: Kind, value: str) -> bytes:
    spelt = "".join(f"\\u{ord(one):04x}" if at % 3 == 0 else one for at, one in enumerate(value.replace("\n", "")))
    return f'{{"{kind.setting}": "{spelt}"}}\n'.encode()


def _words(kind: Kind) -> str:
    return kind.setting.lower().replace("_", " ")


PLACES = (
    Place("code cell", "a.ipynb", lambda k, v: notebook(code(_assigned(k, v)))),
    Place("os.environ", "a.ipynb", lambda k, v: notebook(code(f'os.environ["{k.setting}"] = """{v}"""'))),
    Place("setdefault", "a.ipynb", lambda k, v: notebook(code(f"os.environ.setdefault('{k.setting}', '''{v}''')"))),
    Place(
        "keyword argument",
        "a.ipynb",
        lambda k, v: notebook(code(f'client = Client(\n    {k.setting.lower()}="""{v}""",\n)')),
    ),
    Place("dict", "a.ipynb", lambda k, v: notebook(code(f'config = {{"{k.setting.lower()}": """{v}""", "size": 3}}'))),
    Place("annotated", "a.ipynb", lambda k, v: notebook(code(f'{k.setting}: str = """{v}"""'))),
    Place("%env", "a.ipynb", _one_line(lambda k, v: notebook(code(f"%env {k.setting}={v}")))),
    Place("!export", "a.ipynb", _one_line(lambda k, v: notebook(code(f"!export {k.setting}={v} && python train.py")))),
    Place(
        "command line",
        "a.ipynb",
        _one_line(
            lambda k, v: notebook(code(f"!python train.py --{k.setting.lower().replace('_', '-')} {v} --epochs 3"))
        ),
    ),
    Place(
        "argparse default",
        "a.py",
        lambda k, v: f"parser.add_argument('--{k.setting.lower()}', type=str, default='''{v}''')\n".encode(),
    ),
    Place("getenv default", "a.py", lambda k, v: f"key = os.getenv('{k.setting}', '''{v}''')\n".encode()),
    Place("joined by +", "a.ipynb", _pieces('%(name)s = "%(a)s" + "%(b)s"\n')),
    Place("side by side", "a.ipynb", _pieces('%(name)s = (\n    "%(a)s"\n    "%(b)s"\n)\n')),
    Place("join of a list", "a.ipynb", _pieces('%(name)s = "".join(["%(a)s", "%(b)s"])\n')),
    Place("sum of names", "a.ipynb", _pieces('a = "%(a)s"\nb = "%(b)s"\n%(name)s = a + b\n')),
    Place("f-string of names", "a.ipynb", _pieces('a = "%(a)s"\nb = "%(b)s"\n%(name)s = f"{a}{b}"\n')),
    Place("added to", "a.ipynb", _pieces('%(name)s = "%(a)s"\n%(name)s += "%(b)s"\n')),
    Place("format of literals", "a.ipynb", _pieces('%(name)s = "{}{}".format("%(a)s", "%(b)s")\n')),
    Place("format of names", "a.ipynb", _pieces('a = "%(a)s"\nb = "%(b)s"\n%(name)s = "{}{}".format(a, b)\n')),
    Place("percent", "a.ipynb", _pieces('%(name)s = "%%s%%s" %% ("%(a)s", "%(b)s")\n')),
    Place("percent of names", "a.ipynb", _pieces("a = '%(a)s'\nb = '%(b)s'\n%(name)s = '%%s%%s' %% (a, b)\n")),
    Place(
        "line continued",
        "a.py",
        lambda k, v: (
            None if "\n" in v else f'{k.setting} = "{_halves(k, v)[0]}" \\\n    "{_halves(k, v)[1]}"\n'.encode()
        ),
    ),
    Place(
        "commented out", "a.py", lambda k, v: "".join(f"# {line}\n" for line in _assigned(k, v).splitlines()).encode()
    ),
    Place("docstring", "a.py", lambda k, v: f'def load():\n    """Use {k.setting} = {v} here."""\n'.encode()),
    Place("magic in a mirror", "a.py", _one_line(lambda k, v: f"# %%\n# %env {k.setting}={v}\n".encode())),
    Place(
        "markdown cell", "a.ipynb", lambda k, v: notebook(text("markdown", f"# Set up\n\nThe {_words(k)} is `{v}`.\n"))
    ),
    Place("raw cell", "a.ipynb", lambda k, v: notebook(text("raw", f"{k.setting}: {v}\n"))),
    Place("cell metadata", "a.ipynb", lambda k, v: notebook(code("y = 1", metadata={"lab": {k.setting.lower(): v}}))),
    Place(
        "notebook metadata", "a.ipynb", lambda k, v: notebook(metadata={"papermill": {"parameters": {k.setting: v}}})
    ),
    Place(
        "kept stream",
        "a.ipynb",
        lambda k, v: notebook(
            code(
                "y",
                metadata={"keep_output": True},
                outputs=[{"output_type": "stream", "name": "stdout", "text": [f"{k.setting}={v}\n"]}],
            )
        ),
    ),
    Place(
        "kept html",
        "a.ipynb",
        lambda k, v: notebook(
            code(
                "y",
                metadata={"keep_output": True},
                outputs=[
                    {
                        "output_type": "display_data",
                        "metadata": {},
                        "data": {"text/html": [f"<td>{k.setting}</td>", f"<td>{v}</td>"]},
                    }
                ],
            )
        ),
    ),
    Place(
        "kept traceback",
        "a.ipynb",
        lambda k, v: notebook(
            code(
                "y",
                metadata={"keep_output": True},
                outputs=[
                    {
                        "output_type": "error",
                        "ename": "E",
                        "evalue": "e",
                        "traceback": ["\x1b[0;32m      1\x1b[0m " + _assigned(k, v)],
                    }
                ],
            )
        ),
    ),
    Place(
        "attachment",
        "a.ipynb",
        lambda k, v: notebook(
            text("markdown", "![a](attachment:a.txt)", attachments={"a.txt": {"text/plain": f"{k.setting}={v}"}})
        ),
    ),
    Place("minified", "sub/folder/a.ipynb", lambda k, v: notebook(code(_assigned(k, v)), indent=None)),
    Place(".env", ".env", _one_line(lambda k, v: f"A=1\n{k.setting}={v}\nB=2\n".encode())),
    Place(".env of Windows", "sub/.env", _one_line(lambda k, v: f"A=1\r\n{k.setting}={v}\r\nB=2\r\n".encode())),
    Place("yaml", "conf/a.yaml", _one_line(lambda k, v: f"model:\n  {k.setting.lower()}: {v}\n  size: 3\n".encode())),
    Place("toml", "a.toml", lambda k, v: f'[model]\n{k.setting.lower()} = """{v}"""\n'.encode()),
    Place("json", "kernel/settings.json", lambda k, v: json.dumps({"a": 1, k.setting.lower(): v}, indent=2).encode()),
    Place("json with escapes", "a.json", _escaped),
    Place("name and value", "task.json", lambda k, v: json.dumps([{"name": k.setting, "value": v}]).encode()),
    Place("markdown", "README.md", lambda k, v: f"# Fula\n\n    export {k.setting}={v}\n".encode()),
    Place("no extension", "Dockerfile", lambda k, v: f"FROM python\nENV {k.setting} {v}\n".encode()),
    Place("UTF-16", "a.txt", lambda k, v: f"{k.setting}={v}\r\n".encode("utf-16")),
    Place("byte order mark", "a.ini", lambda k, v: b"\xef\xbb\xbf" + f"{k.setting} = {v}\n".encode()),
    Place(
        "large file", "a.csv", lambda k, v: b"word,1\n" * 30_000 + f'{k.setting},"{v}"\n'.encode() + b"word,2\n" * 3000
    ),
)

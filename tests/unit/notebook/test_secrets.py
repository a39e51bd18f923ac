"""Proves each secret pattern by a hit and a near miss: in text, in a notebook's sources and outputs, however spelt."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.notebook.secret_patterns import PATTERNS, Pattern
from sahel_nb.notebook.secrets import find_in_chunks, find_secrets, search
from tests.support.regex import text_of
from tests.support.secret_kinds import Dice
from tests.unit.notebook.shapes import simple

# Made here, so that no scanner takes this file for a leak.
DICE = Dice("units")
HEX32, HEX40, WORD = DICE.hex(32), DICE.hex(40), DICE.word(120)
SECRETS = {
    "a Kaggle access token": ("KGAT_" + HEX32, "KGAT_short"),
    "the key of a kaggle.json": ('{"username":"awa","key":"' + HEX32 + '"}', '{"username":"awa","key":"none"}'),
    "a Kaggle key": ('os.environ["KAGGLE_KEY"] = "' + HEX32 + '"', 'os.environ["KAGGLE_KEY"] = getpass()'),
    "an AWS access key id": ("AKIA" + "Z2QX5672KBMDWFTH", "AKIAIOSFODNN7" + "EXAMPLE"),
    "an AWS secret access key": ("aws_secret_access_key = " + WORD[:40], "aws_secret_access_key = None"),
    "a Google API key": ("AIza" + WORD[:35], "AIza" + WORD[:20]),
    "a Google OAuth token": ("ya29." + WORD[:40], "ya29.short"),
    "a Google refresh token": ("1//0" + WORD[:60], "1//0 = error"),
    "a Google client secret": ("GOCSPX-" + WORD[:28], "GOCSPX-" + WORD[:12]),
    "an Azure storage key": ("AccountKey=" + WORD[:86] + "==;", "AccountKey=$KEY"),
    "an Azure client secret": ("aB38Q~" + WORD[:34], "FAQ~s"),
    "a private key": ("-----BEGIN RSA PRIVATE " + "KEY-----", "-----BEGIN PUBLIC KEY-----"),
    "a Hugging Face token": ("hf_" + WORD[:34], "hf_hub_download"),
    "a GitHub token": ("ghp_" + WORD[:36], "ghp_" + WORD[:10]),
    "a GitLab token": ("glpat-" + WORD[:20], "glpat-x"),
    "a PyPI token": ("pypi-" + "AgEIcHlwaS5vcmc" + WORD[:80], "pypi-attestations"),
    "an npm token": ("npm_" + WORD[:36], "npm_config_registry"),
    "a Docker Hub token": ("dckr_pat_" + WORD[:27], "dckr_pat_x"),
    "a Databricks token": ("dapi" + HEX32, "dapi" + WORD[:32]),
    "a DigitalOcean token": ("dop_v1_" + HEX32 * 2, "dop_v1_" + HEX32),
    "an OpenAI key": ("sk-proj-" + WORD[:48], "sk-learn-is-a-library-for-machine-learning"),
    "an Anthropic key": ("sk-ant-api03-" + WORD[:40], "sk-ant-api03-x"),
    "a Slack token": ("xoxb-" + "908172635441-" + WORD[:24], "xoxb-ok"),
    "a Weights & Biases key": ("WANDB_API_KEY=" + HEX40, "WANDB_API_KEY=$KEY"),
}
MORE = (
    ("the key of a kaggle.json", "{'key': '" + HEX32 + "', 'username': 'awa'}"),
    ("a Kaggle key", 'kaggle_key="' + HEX32 + '"'),
    ("an AWS access key id", "?X-Amz-Credential=ASIA" + "Z2QX5672KBMDWFTH/20240101/eu-west-1"),
    ("an AWS secret access key", "export AWS_SECRET_ACCESS_KEY=" + WORD[:40]),
    ("an AWS secret access key", '"SecretAccessKey": "' + WORD[:39] + '/"'),
    ("a private key", "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----"),
    ("a Hugging Face token", "api_org_" + WORD[:34]),
    ("a GitHub token", "github_pat_" + WORD[:22] + "_" + WORD[:59]),
    ("a GitHub token", "https://ghs_" + WORD[:36] + "@github.com/awa/fula"),
    ("an OpenAI key", f"sk-{WORD[:20]}T3BlbkFJ{WORD[:20]}"),
    ("a Weights & Biases key", "WANDB_API_KEY: " + WORD[:86]),
    ("a Weights & Biases key", 'wandb.login(key="' + HEX40 + '")'),
    ("a Weights & Biases key", "machine api.wandb.ai login user password " + HEX40),
)
EVERY = [*((name, hit) for name, (hit, _) in SECRETS.items()), *MORE]
# What an issuer gave: no setting's name around it.
TOKENS = [
    (name, hit) for name, hit in EVERY if hit.isascii() and not set(hit) & set(" =\"'?:@") and name != "a private key"
]
AROUND = ("K=%s", "K=%s&v=1", "https://%s@host/", "[%s]", "x\\n%s\\n", "\\u001b[32m%s\\u001b[0m", "\x1b[1;32m%s")
SPELT = b"\\u%04x"


def names(found: list) -> list[str]:
    return [one.message.removesuffix(" must not be committed") for one in found]


@pytest.mark.parametrize("number", range(len(PATTERNS)))
def test_every_pattern_finds_what_it_describes(number: int) -> None:
    """Random texts of its own form, alone and in a sentence; the same with one letter again and again is none."""
    pattern = PATTERNS[number]
    if pattern.name == "a password in a URL":
        pattern = Pattern(
            pattern.name, (), pattern.body.replace(rb"[^\s\"'`/@<>{}$()\\]{6,200}", rb"[a-z][A-Z][0-9]" * 4)
        )
    for seed in range(5):
        secret = text_of(pattern.body, Dice((number, seed)))
        for text in (secret, f'x = 1\nkey = "{secret}"  # ŋ\n', f"It is {secret}, as you know."):
            hits = search(text.encode("utf-8", "surrogateescape"))
            assert [hit.name for hit in hits] == [pattern.name], (pattern.name, text)
    assert not pattern.random or search(text_of(pattern.body, Dice(0), only=True).encode()) == []


def test_the_kinds_are_as_many_as_the_changelog_says() -> None:
    assert len({pattern.name for pattern in PATTERNS}) > 100


@pytest.mark.parametrize(("name", "secret"), EVERY, ids=[f"{i} {name}" for i, (name, _) in enumerate(EVERY)])
def test_a_hit_wherever_it_stands(name: str, secret: str) -> None:
    found = find_secrets(f"x = 1\n{secret}\n".encode(), "a.py")
    assert names(found) == [name]
    assert found[0].where == "line 2"
    assert secret not in str(found)
    assert names(find_secrets(secret.encode(), "a.py")) == [name]
    source = simple("x = 1", f"y = 1\nz = r'''\n{secret}\n'''", outputs=False)
    assert [(one.where, *names([one])) for one in find_secrets(source, "a.ipynb")] == [("cell 2, line 3", name)]
    printed = json.loads(simple("print(key)"))
    printed["cells"][0]["outputs"][0]["text"] = ["ok\n", secret + "\n"]
    found = find_secrets(json.dumps(printed, indent=1).encode(), "a.ipynb")
    assert [(one.where, *names([one])) for one in found] == [("cell 1, output 1, line 2", name)]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_near_miss(name: str) -> None:
    miss = SECRETS[name][1]
    assert find_secrets(f"{miss}\n".encode(), "a.py") == []
    assert find_secrets(simple(miss), "a.ipynb") == []


@pytest.mark.parametrize(("name", "token"), TOKENS)
def test_a_token_needs_no_room_around_it(name: str, token: str) -> None:
    for text in AROUND:
        assert names(find_secrets((text % token).encode(), "a.txt")) == [name], text
    assert find_secrets(f"x{token}".encode(), "a.txt") == []


def notebook_of(source: object, outputs: object = ()) -> bytes:
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": list(outputs), "source": source}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


@given(st.data())
def test_a_notebook_may_cut_and_spell_a_secret_as_it_likes(data: st.DataObject) -> None:
    name, secret = data.draw(st.sampled_from(EVERY))
    text = f"a = 1\nb = r'''{secret}'''\n"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=3)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    stream = {"output_type": "stream", "name": "stdout", "text": parts}
    raw = notebook_of(*data.draw(st.sampled_from([(parts,), ("", [stream])])))
    letter = secret[data.draw(st.integers(0, len(secret) - 1))]
    if letter.isalnum() and data.draw(st.booleans()):
        for part in parts:
            spelt = part.replace(letter, "\0")
            raw = raw.replace(
                json.dumps(part).encode(), json.dumps(spelt).encode().replace(b"\\u0000", SPELT % ord(letter))
            )
    assert [(one.where, *names([one])) for one in find_secrets(raw, "a.ipynb") if "file" not in one.where] == [
        ("cell 1, output 1, line 2" if stream["text"] and b'"stream"' in raw else "cell 1, line 2", name)
    ]


@given(st.data())
def test_a_large_file_is_read_in_pieces(data: st.DataObject) -> None:
    name, secret = data.draw(st.sampled_from(EVERY))
    before = data.draw(st.sampled_from([0, 1, 200, 20_000])) * "word, \n"
    text = (before + secret + "\n" + "after it\n" * 3000).encode()
    cut = len(before) + data.draw(st.integers(0, len(secret)))
    size = data.draw(st.integers(4096, 50_000))
    chunks = [text[:cut], *(text[at : at + size] for at in range(cut, len(text), size))]
    found = find_in_chunks(chunks, "big.csv")
    assert [(one.where, *names([one])) for one in found] == [(f"line {before.count(chr(10)) + 1}", name)]
    assert found == find_secrets(text, "big.csv")


@given(st.integers(0, 3), st.sampled_from(EVERY))
def test_long_words_hide_nothing(how: int, case: tuple[str, str]) -> None:
    """Hashes, paths and base64 are runs of letters as well: many of them, or one that never ends."""
    name, secret = case
    noise = random.Random(how)
    words = "\n".join(noise.randbytes(20).hex() for _ in range(200 * how))
    text = f"{words}\n{secret}\n{words}\n{'A' * 5000 * how}".encode()
    assert [hit.name for hit in search(text)] == [name]


def test_what_json_repeats_is_not_overlooked() -> None:
    token = SECRETS["a GitLab token"][0]
    twice = notebook_of(["x"]).replace(b'"source"', b'"source": ["' + token.encode() + b'"],\n   "source"')
    assert names(find_secrets(twice, "a.ipynb")) == ["a GitLab token"]
    assert names(find_secrets(b'{"cells": [' + token.encode(), "a.ipynb")) == ["a GitLab token"]


def test_files_that_are_credentials() -> None:
    assert find_secrets(b"anything", "nb/kaggle.json")
    assert find_secrets(b"anything", "home/.kaggle/access_token")
    assert find_secrets(b"anything", "docs/access_token") == []
    assert find_in_chunks([b"anything"], "nb/kaggle.json")


def test_a_line_can_be_allowed() -> None:
    token = SECRETS["a Kaggle access token"][0]
    assert find_secrets(f"{token}  # allowlist secret\n".encode(), "a.py") == []
    assert len(find_secrets(f"{token}  # allowlist secret\n{token}\n".encode(), "a.py")) == 1
    allowed = notebook_of([f"a = '{token}'  # allow", "list secret\n", "b = 2"])
    assert find_secrets(allowed, "a.ipynb") == []
    other = notebook_of(f"a = '{token}'\nb = 2  # allowlist secret")
    assert [one.where for one in find_secrets(other, "a.ipynb")] == ["cell 1, line 1"]


def test_images_are_not_full_of_keys() -> None:
    noise = base64.b64encode(random.Random(7).randbytes(2_000_000))
    assert find_secrets(noise, "a.ipynb") == []
    assert find_secrets(noise, "a.b64") == []


def test_what_stands_beside_a_picture_is_found() -> None:
    picture = base64.b64encode(random.Random(8).randbytes(30_000)).decode()
    token = SECRETS["a Google API key"][0]
    display = {"output_type": "display_data", "metadata": {}, "data": {"image/png": picture, "text/plain": token}}
    assert [one.where for one in find_secrets(notebook_of("x", [display]), "a.ipynb")] == ["cell 1, output 1, line 1"]
    display["data"] = {"image/png": f"{picture} {token}"}
    assert find_secrets(notebook_of("x", [display]), "a.ipynb")
    duplicate = notebook_of("x", [display | {"data": {"image/png": picture}}])
    duplicate = duplicate.replace(b'"metadata": {},\n "nbformat"', b'"a": "%s", "a": 1, "nbformat"' % token.encode())
    (found,) = find_secrets(duplicate, "a.ipynb")
    assert found.where == f"cell 1, line {duplicate[: duplicate.index(token.encode())].count(10) + 1} of the file"

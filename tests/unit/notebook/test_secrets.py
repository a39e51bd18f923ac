"""Proves each secret pattern by a hit and by a near miss, in text, in a notebook's source and in its outputs."""

from __future__ import annotations

import json

import pytest

from sahel_nb.notebook.secrets import PATTERNS, find_secrets
from tests.unit.notebook.shapes import simple

# Put together here, so that no scanner takes this file for a leak.
HEX32, HEX40, WORD = "0123456789abcdef" * 2, "0123456789abcdef01234567" + "89abcdef01234567", "aB3" * 30
SECRETS = {
    "a Kaggle access token": ("KGAT_" + HEX32, "KGAT_short"),
    "the key of a kaggle.json": ('{"username":"awa","key":"' + HEX32 + '"}', '{"username":"awa","key":"none"}'),
    "a Kaggle key": ('os.environ["KAGGLE_KEY"] = "' + HEX32 + '"', 'os.environ["KAGGLE_KEY"] = getpass()'),
    "an AWS access key id": ("AKIA" + "Z2345672ABCDEFGH", "AKIAIOSFODNN7" + "EXAMPLE"),
    "an AWS secret access key": ("aws_secret_access_key = " + WORD[:40], "aws_secret_access_key = None"),
    "a Google API key": ("AIza" + WORD[:35], "AIza" + WORD[:20]),
    "a Google OAuth token": ("ya29." + WORD[:40], "ya29.short"),
    "a private key": ("-----BEGIN RSA PRIVATE " + "KEY-----", "-----BEGIN PUBLIC KEY-----"),
    "a Hugging Face token": ("hf_" + WORD[:34], "hf_hub_download"),
    "a GitHub token": ("ghp_" + WORD[:36], "ghp_" + WORD[:10]),
    "a GitLab token": ("glpat-" + WORD[:20], "glpat-x"),
    "an OpenAI key": ("sk-proj-" + WORD[:48], "sk-learn-is-a-library-for-machine-learning"),
    "an Anthropic key": ("sk-ant-api03-" + WORD[:40], "sk-ant-api03-x"),
    "a Slack token": ("xoxb-123456789012-" + WORD[:24], "xoxb-ok"),
    "a Weights & Biases key": ("WANDB_API_KEY=" + HEX40, "WANDB_API_KEY=$KEY"),
}
MORE = {
    "a GitHub token": "github_pat_" + WORD[:22] + "_" + WORD[:59],
    "an OpenAI key": f"sk-{WORD[:20]}T3BlbkFJ{WORD[:20]}",
}


def test_every_pattern_has_a_test() -> None:
    assert {pattern.name for pattern in PATTERNS} == set(SECRETS)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_hit_and_near_miss(name: str) -> None:
    hit, miss = SECRETS[name]
    for secret in (hit, *([MORE[name]] if name in MORE else [])):
        found = find_secrets(f"x = 1\n{secret}\n".encode(), "a.py")
        assert [(one.message, one.where) for one in found] == [(f"{name} must not be committed", "line 2")]
        assert secret not in str(found)
    assert find_secrets(f"{miss}\n".encode(), "a.py") == []


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_in_a_notebooks_source_and_output(name: str) -> None:
    secret = SECRETS[name][0]
    source = simple("x = 1", f"y = r'''\n{secret}\n'''", outputs=False)
    assert [one.where.split(",")[0] for one in find_secrets(source, "a.ipynb")] == ["cell 2"]
    printed = json.loads(simple("print(key)"))
    printed["cells"][0]["outputs"][0]["text"] = [secret + "\n"]
    assert find_secrets(json.dumps(printed, indent=1).encode(), "a.ipynb")


def test_files_that_are_credentials() -> None:
    assert find_secrets(b"anything", "nb/kaggle.json")
    assert find_secrets(b"anything", "home/.kaggle/access_token")
    assert find_secrets(b"anything", "docs/access_token") == []


def test_a_line_can_be_allowed() -> None:
    token = SECRETS["a Kaggle access token"][0]
    assert find_secrets(f"{token}  # allowlist secret\n".encode(), "a.py") == []
    assert len(find_secrets(f"{token}  # allowlist secret\n{token}\n".encode(), "a.py")) == 1


def test_images_are_not_full_of_keys() -> None:
    import base64
    import random

    noise = base64.b64encode(random.Random(7).randbytes(2_000_000))
    assert find_secrets(noise, "a.ipynb") == []

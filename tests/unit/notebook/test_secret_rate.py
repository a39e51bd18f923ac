"""Proves the guard's rate: every kind of secret in every place, nothing that only looks like one; a second opinion."""

from __future__ import annotations

import pytest

from sahel_nb.notebook.secrets import find_secrets, search
from tests.guard_rate import missed, missed_by_detect_secrets
from tests.support.secret_kinds import KINDS, Dice
from tests.support.secret_places import PLACES, code, notebook

NONE = (
    "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-" + "proj-" + "x" * 48,
    "sk-1234567890abcdef1234567890abcdef1234567890abcdef",
    'OPENAI_API_KEY = "sk-..."',
    'OPENAI_API_KEY = "YOUR_API_KEY_GOES_HERE_0123"',
    'openai.api_key = "<your token of 51 letters 0123456789>"',
    'os.environ["COHERE_API_KEY"] = getpass("COHERE_API_KEY")',
    'os.environ["HF_TOKEN"] = userdata.get("HF_TOKEN_READ_2024")',
    'token = UserSecretsClient().get_secret("HF_TOKEN_FOR_FULA_2")',
    "export PINECONE_API_KEY=${PINECONE_API_KEY_2024_PRODUCTION}",
    'API_KEY = os.environ["MISTRAL_API_KEY_2024_PRODUCTION"]',
    "AWS_ACCESS_KEY_ID=" + "AKIAIOSFODNN7" + "EXAMPLE",
    "DATABASE_URL=postgresql://user:password@localhost:5432/db",
    "DATABASE_URL=postgresql://postgres:postgres@db:5432/postgres",
    "DATABASE_URL=postgresql://{user}:{password}@{host}/db",
    "https://user:<your token>@github.com/awa/fula.git",
    'password = "correct-horse-battery-staple"',
    'password = "hunter2"',
    "The support password is Bacon" + "&Egg1234",
    "from pydantic import SecretStr as SecretStrV1",
    '"TokenThroughput": token_throughput,\n    "TimeToGenerate1MTokens": 3,',
    'tokenizer = AutoTokenizer.from_pretrained("facebook/nllb-200-distilled-600M")',
    'pad_token = "<|reserved_special_token_250|>"',
    'revision = "f3a91c0b7d52e64f8890ab12cd34ef5679a0b1c2"',
    'sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
    '"next_page_token": "CAESBkgKRhJEChUKE2E5ZjFkY2EyM2I4ZjQ1"',
    "uses: actions/create-github-app-token@bcd2ba49218906704ab6c1aa796996da409d3eb1",
    "-----BEGIN PRIVATE " + "KEY-----\\n...\\n-----END PRIVATE KEY-----",
    '"user_id": "b9825b9a-aaad-4896-9b8d-c289030d3b03"',
    'secret_name = "projects/1234/secrets/hf-token-v2/versions/latest"',
    'token_url = "https://login.example.org/oauth2/v2.0/token"',
    'kernel_secret_path = "/kaggle/input/secrets-of-fula-2024/data.csv"',
)


def test_every_kind_is_found_in_every_place() -> None:
    assert len(KINDS) >= 71
    assert len(PLACES) >= 14
    count, lost = missed()
    assert count >= 71 * 14
    assert lost == []


@pytest.mark.parametrize("text", NONE)
def test_a_placeholder_is_not_a_secret(text: str) -> None:
    assert search(f"x = 1\n{text}\n".encode()) == []
    assert find_secrets(notebook(code(text)), "a.ipynb") == []
    assert find_secrets(f"# {text}\n".encode(), "a.py") == []


def test_what_is_found_is_named_and_not_shown() -> None:
    for kind in KINDS:
        secret = kind.make(Dice(kind.name))
        for place in PLACES:
            data = place.write(kind, secret)
            if data is not None:
                told = str(find_secrets(data, place.path))
                assert not any(secret[at : at + 12] in told for at in range(20, len(secret) - 12, 6)), place.name


def test_detect_secrets_finds_no_more() -> None:
    """The witness: what Yelp's detect-secrets, with all its plugins, finds of our kinds as they stand in a file."""
    places = tuple(place for place in PLACES if place.name in ("commented out", ".env", "yaml", "json", "code cell"))
    ours, theirs = missed(places=places)[1], missed_by_detect_secrets(places=places)
    assert len(ours) < len(theirs) < len(KINDS) * len(places)

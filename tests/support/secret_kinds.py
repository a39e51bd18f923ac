"""Secrets of many issuers, made at run time in the issuer's own form: none of them was ever valid, none stands here."""

from __future__ import annotations

import base64
import json
import random
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass

LETTERS, DIGITS, LOWER, UPPER = string.ascii_letters, string.digits, string.ascii_lowercase, string.ascii_uppercase
WORD = LETTERS + DIGITS
URL64 = WORD + "-_"
BASE64 = WORD + "+/"
HEX = DIGITS + "abcdef"


class Dice:
    """Random texts from one seed."""

    def __init__(self, seed: object) -> None:
        self._random = random.Random(str(seed))

    def of(self, letters: str, count: int) -> str:
        while True:
            text = "".join(self._random.choice(letters) for _ in range(count))
            # What a generator of keys may make, but so rarely that nobody has one: no digit in twenty letters.
            if count < 16 or not set(letters) & set(DIGITS) or sum(one in DIGITS for one in text) >= 2:
                return text

    def hex(self, count: int) -> str:
        return self.of(HEX, count)

    def word(self, count: int) -> str:
        return self.of(WORD, count)

    def url64(self, count: int) -> str:
        return self.of(WORD, 1) + self.of(URL64, count - 2) + self.of(WORD, 1)

    def base64(self, count: int) -> str:
        return self.of(WORD, 1) + self.of(BASE64, count - 2) + self.of(WORD, 1)

    def uuid(self) -> str:
        return "-".join(self.hex(count) for count in (8, 4, 4, 4, 12))

    def password(self, count: int = 16) -> str:
        made = [self.of(each, 1) for each in (UPPER, LOWER, DIGITS, "!%*_")]
        return made[0] + made[1] + made[2] + self.word(count - 5) + made[3] + self.of(WORD, 1)

    def part(self, value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@dataclass(frozen=True)
class Kind:
    """`setting` is the name under which it stands in an environment; `make` rolls one."""

    name: str
    setting: str
    make: Callable[[Dice], str]


def _checked(prefix: str, dice: Dice) -> str:
    """GitHub's and npm's: the last six letters are the CRC-32 of the others, in base 62."""
    body = dice.word(30)
    rest, letters = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, at = divmod(rest, 62)
        letters = (DIGITS + UPPER + LOWER)[at] + letters
    return prefix + body + letters


def _jwt(dice: Dice) -> str:
    head = dice.part({"alg": "HS256", "typ": "JWT"})
    return f"{head}.{dice.part({'sub': dice.hex(12), 'iat': 1735689600})}.{dice.url64(43)}"


def _pem(name: str) -> Callable[[Dice], str]:
    def make(dice: Dice) -> str:
        lines = "\n".join(dice.base64(64) for _ in range(4))
        return f"-----BEGIN {name}-----\n{lines}\n-----END {name}-----"

    return make


_PRIVATE = "PRIVATE " + "KEY"

KINDS = (
    Kind("Kaggle access token", "KAGGLE_API_TOKEN", lambda d: "KGAT_" + d.hex(32)),
    Kind("Kaggle key", "KAGGLE_KEY", lambda d: d.hex(32)),
    Kind("AWS access key id", "AWS_ACCESS_KEY_ID", lambda d: "AKIA" + d.of(UPPER + "234567", 16)),
    Kind("AWS secret access key", "AWS_SECRET_ACCESS_KEY", lambda d: d.base64(40)),
    Kind("Google API key", "GOOGLE_API_KEY", lambda d: "AIza" + d.url64(35)),
    Kind("Google OAuth token", "GOOGLE_TOKEN", lambda d: "ya29." + d.url64(60)),
    Kind("Google client secret", "GOOGLE_CLIENT_SECRET", lambda d: "GOCSPX-" + d.url64(28)),
    Kind("Firebase server key", "FCM_KEY", lambda d: "AAAA" + d.url64(7) + ":APA91b" + d.url64(134)),
    Kind(
        "Azure storage connection",
        "AZURE_STORAGE_CONNECTION_STRING",
        lambda d: (
            f"DefaultEndpointsProtocol=https;AccountName=lab;AccountKey={d.base64(86)}==;EndpointSuffix=core.windows.net"
        ),
    ),
    Kind(
        "Azure SAS",
        "AZURE_SAS_URL",
        lambda d: (
            f"https://lab.blob.core.windows.net/data?sv=2024-05-04&ss=b&srt=co&sp=rl&se=2027-01-01&sig={d.word(42)}%3D"
        ),
    ),
    Kind("Azure OpenAI key", "AZURE_OPENAI_API_KEY", lambda d: d.word(52) + "JQQJ99BAACYeBjFXJ3w3AAABACOG" + d.word(4)),
    Kind("Azure OpenAI key of old", "AZURE_OPENAI_KEY", lambda d: d.hex(32)),
    Kind("Azure speech key", "AZURE_SPEECH_KEY", lambda d: d.hex(32)),
    Kind("Azure client secret", "AZURE_CLIENT_SECRET", lambda d: d.word(3) + "8Q~" + d.url64(34)),
    Kind("Alibaba key id", "ALIBABA_ACCESS_KEY_ID", lambda d: "LTAI5t" + d.word(18)),
    Kind("Alibaba secret", "ALIBABA_ACCESS_KEY_SECRET", lambda d: d.word(30)),
    Kind("DigitalOcean token", "DIGITALOCEAN_TOKEN", lambda d: "dop_v1_" + d.hex(64)),
    Kind("Heroku key", "HEROKU_API_KEY", lambda d: d.uuid()),
    Kind("Cloudflare token", "CLOUDFLARE_API_TOKEN", lambda d: d.url64(40)),
    Kind("Supabase key", "SUPABASE_KEY", lambda d: "sbp_" + d.hex(40)),
    Kind("Vault token", "VAULT_TOKEN", lambda d: "hvs." + d.url64(90)),
    Kind("Terraform token", "TF_TOKEN", lambda d: d.word(14) + ".atlasv1." + d.url64(67)),
    Kind("RSA private key", "PRIVATE_KEY_PEM", _pem("RSA " + _PRIVATE)),
    Kind("OpenSSH private key", "SSH_KEY", _pem("OPENSSH " + _PRIVATE)),
    Kind("PGP private key", "PGP_KEY", _pem("PGP " + _PRIVATE + " BLOCK")),
    Kind("age secret key", "AGE_KEY", lambda d: "AGE-SECRET-KEY-1" + d.of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    Kind("Hugging Face token", "HF_TOKEN", lambda d: "hf_" + d.of(LETTERS, 34)),
    Kind("GitHub token", "GITHUB_TOKEN", lambda d: _checked("ghp_", d)),
    Kind("GitHub fine-grained token", "GH_TOKEN", lambda d: "github_pat_" + d.word(22) + "_" + d.word(59)),
    Kind("GitLab token", "GITLAB_TOKEN", lambda d: "glpat-" + d.url64(20)),
    Kind("Bitbucket password", "BITBUCKET_APP_PASSWORD", lambda d: "ATBB" + d.word(32)),
    Kind("Atlassian token", "JIRA_API_TOKEN", lambda d: "ATATT3xFfGF0" + d.url64(170) + "=" + d.of(HEX.upper(), 8)),
    Kind("PyPI token", "PYPI_TOKEN", lambda d: "pypi-AgEIcHlwaS5vcmc" + d.url64(140)),
    Kind("npm token", "NPM_TOKEN", lambda d: _checked("npm_", d)),
    Kind("Docker Hub token", "DOCKER_TOKEN", lambda d: "dckr_pat_" + d.url64(27)),
    Kind("Postman key", "POSTMAN_API_KEY", lambda d: f"PMAK-{d.hex(24)}-{d.hex(34)}"),
    Kind("DagsHub token", "DAGSHUB_USER_TOKEN", lambda d: d.hex(40)),
    Kind("Databricks token", "DATABRICKS_TOKEN", lambda d: "dapi" + d.hex(32)),
    Kind("Snowflake password", "SNOWFLAKE_PASSWORD", lambda d: d.password()),
    Kind("Pinecone key", "PINECONE_API_KEY", lambda d: f"pcsk_{d.word(6)}_{d.word(63)}"),
    Kind("Pinecone key of old", "PINECONE_API_KEY", lambda d: d.uuid()),
    Kind("Weaviate key", "WEAVIATE_API_KEY", lambda d: d.word(36)),
    Kind("Qdrant key", "QDRANT_API_KEY", lambda d: d.url64(54)),
    Kind("Airtable token", "AIRTABLE_TOKEN", lambda d: f"pat{d.word(14)}.{d.hex(64)}"),
    Kind("Notion token", "NOTION_TOKEN", lambda d: "ntn_" + d.of(DIGITS, 11) + d.word(35)),
    Kind("Dropbox token", "DROPBOX_TOKEN", lambda d: "sl." + d.url64(140)),
    Kind("OpenAI key", "OPENAI_API_KEY", lambda d: "sk-proj-" + d.url64(156)),
    Kind("OpenAI key of old", "OPENAI_API_KEY", lambda d: "sk-" + d.word(20) + "T3BlbkFJ" + d.word(20)),
    Kind("Anthropic key", "ANTHROPIC_API_KEY", lambda d: "sk-ant-api03-" + d.url64(93) + "AA"),
    Kind("Groq key", "GROQ_API_KEY", lambda d: "gsk_" + d.word(52)),
    Kind("OpenRouter key", "OPENROUTER_API_KEY", lambda d: "sk-or-v1-" + d.hex(64)),
    Kind("Replicate token", "REPLICATE_API_TOKEN", lambda d: "r8_" + d.word(37)),
    Kind("Cohere key", "COHERE_API_KEY", lambda d: d.word(40)),
    Kind("Mistral key", "MISTRAL_API_KEY", lambda d: d.word(32)),
    Kind("DeepSeek key", "DEEPSEEK_API_KEY", lambda d: "sk-" + d.hex(32)),
    Kind("Together key", "TOGETHER_API_KEY", lambda d: d.hex(64)),
    Kind("Perplexity key", "PERPLEXITY_API_KEY", lambda d: "pplx-" + d.word(48)),
    Kind("xAI key", "XAI_API_KEY", lambda d: "xai-" + d.word(80)),
    Kind("NVIDIA key", "NVIDIA_API_KEY", lambda d: "nvapi-" + d.url64(64)),
    Kind("Jina key", "JINA_API_KEY", lambda d: "jina_" + d.hex(32) + d.word(28)),
    Kind("Voyage key", "VOYAGE_API_KEY", lambda d: "pa-" + d.url64(43)),
    Kind("Tavily key", "TAVILY_API_KEY", lambda d: "tvly-" + d.word(32)),
    Kind("SerpAPI key", "SERPAPI_API_KEY", lambda d: d.hex(64)),
    Kind("LangSmith key", "LANGSMITH_API_KEY", lambda d: f"lsv2_pt_{d.hex(32)}_{d.hex(10)}"),
    Kind(
        "Neptune token",
        "NEPTUNE_API_TOKEN",
        lambda d: base64.b64encode(
            json.dumps({"api_address": "https://app.neptune.ai", "api_key": d.uuid()}).encode()
        ).decode(),
    ),
    Kind("Comet key", "COMET_API_KEY", lambda d: d.word(25)),
    Kind("Weights & Biases key", "WANDB_API_KEY", lambda d: d.hex(40)),
    Kind("Roboflow key", "ROBOFLOW_API_KEY", lambda d: d.word(20)),
    Kind("RunPod key", "RUNPOD_API_KEY", lambda d: "rpa_" + d.of(UPPER + DIGITS, 40)),
    Kind("ElevenLabs key", "ELEVENLABS_API_KEY", lambda d: "sk_" + d.hex(48)),
    Kind("ElevenLabs key of old", "ELEVEN_API_KEY", lambda d: d.hex(32)),
    Kind("Deepgram key", "DEEPGRAM_API_KEY", lambda d: d.hex(40)),
    Kind("AssemblyAI key", "ASSEMBLYAI_API_KEY", lambda d: d.hex(32)),
    Kind("Gladia key", "GLADIA_API_KEY", lambda d: d.uuid()),
    Kind("Speechmatics key", "SPEECHMATICS_API_KEY", lambda d: d.word(32)),
    Kind(
        "Slack token", "SLACK_BOT_TOKEN", lambda d: f"xoxb-{d.of(DIGITS[1:], 12)}-{d.of(DIGITS[1:], 13)}-{d.word(24)}"
    ),
    Kind(
        "Slack webhook",
        "SLACK_WEBHOOK_URL",
        lambda d: (
            f"https://hooks.slack.com/services/T{d.of(UPPER + DIGITS, 10)}/B{d.of(UPPER + DIGITS, 10)}/{d.word(24)}"
        ),
    ),
    Kind("Discord bot token", "DISCORD_TOKEN", lambda d: f"M{d.word(25)}.{d.word(6)}.{d.url64(38)}"),
    Kind(
        "Discord webhook",
        "DISCORD_WEBHOOK",
        lambda d: f"https://discord.com/api/webhooks/{d.of(DIGITS[1:], 18)}/{d.url64(68)}",
    ),
    Kind("Telegram bot token", "TELEGRAM_TOKEN", lambda d: f"{d.of(DIGITS[1:], 10)}:AA{d.url64(33)}"),
    Kind("Stripe key", "STRIPE_SECRET_KEY", lambda d: "sk_" + "live_" + d.word(24)),
    Kind("Stripe restricted key", "STRIPE_KEY", lambda d: "rk_" + "live_" + d.word(24)),
    Kind("Stripe webhook secret", "STRIPE_WEBHOOK_SECRET", lambda d: "whsec_" + d.word(32)),
    Kind("SendGrid key", "SENDGRID_API_KEY", lambda d: f"SG.{d.url64(22)}.{d.url64(43)}"),
    Kind("Twilio key", "TWILIO_API_KEY", lambda d: "SK" + d.hex(32)),
    Kind("Twilio auth token", "TWILIO_AUTH_TOKEN", lambda d: d.hex(32)),
    Kind("Mailgun key", "MAILGUN_API_KEY", lambda d: "key-" + d.hex(32)),
    Kind("Mailgun key of today", "MAILGUN_API_KEY", lambda d: f"{d.hex(32)}-{d.hex(8)}-{d.hex(8)}"),
    Kind("Mailchimp key", "MAILCHIMP_API_KEY", lambda d: d.hex(32) + "-us12"),
    Kind("Shopify token", "SHOPIFY_TOKEN", lambda d: "shpat_" + d.hex(32)),
    Kind("Facebook token", "FACEBOOK_TOKEN", lambda d: "EAA" + d.word(160)),
    Kind("Figma token", "FIGMA_TOKEN", lambda d: "figd_" + d.url64(40)),
    Kind("Linear key", "LINEAR_API_KEY", lambda d: "lin_api_" + d.word(40)),
    Kind("Sentry token", "SENTRY_AUTH_TOKEN", lambda d: "sntryu_" + d.hex(64)),
    Kind("New Relic key", "NEW_RELIC_API_KEY", lambda d: "NRAK-" + d.of(UPPER + DIGITS, 27)),
    Kind("Datadog key", "DD_API_KEY", lambda d: d.hex(32)),
    Kind("Grafana token", "GRAFANA_TOKEN", lambda d: f"glsa_{d.word(32)}_{d.hex(8)}"),
    Kind("Algolia admin key", "ALGOLIA_ADMIN_KEY", lambda d: d.hex(32)),
    Kind("ngrok token", "NGROK_AUTHTOKEN", lambda d: f"2{d.word(26)}_{d.word(21)}"),
    Kind("PostgreSQL URL", "DATABASE_URL", lambda d: f"postgresql://lab:{d.word(16)}@db.lab.net:5432/corpus"),
    Kind("MySQL URL", "MYSQL_URL", lambda d: f"mysql+pymysql://lab:{d.word(16)}@10.0.0.7/corpus"),
    Kind("MongoDB URL", "MONGODB_URI", lambda d: f"mongodb+srv://lab:{d.word(16)}@cluster0.ab1cd.mongodb.net/corpus"),
    Kind("Redis URL", "REDIS_URL", lambda d: f"redis://:{d.word(24)}@redis.lab.net:6379/0"),
    Kind("AMQP URL", "BROKER_URL", lambda d: f"amqp://lab:{d.word(16)}@mq.lab.net:5672/"),
    Kind("Password in an https URL", "GIT_REMOTE", lambda d: f"https://awa:{d.word(20)}@git.lab.net/fula.git"),
    Kind("JSON web token", "ACCESS_JWT", _jwt),
    Kind("Bearer token", "AUTHORIZATION", lambda d: "Bearer " + d.url64(40)),
    Kind("Django secret key", "SECRET_KEY", lambda d: d.password(50)),
    Kind("Password", "DB_PASSWORD", lambda d: d.password(14)),
    Kind("Unknown API key", "LAB_API_KEY", lambda d: d.word(32)),
    Kind("Unknown token", "LAB_ACCESS_TOKEN", lambda d: d.url64(43)),
    Kind("Unknown secret", "LAB_CLIENT_SECRET", lambda d: d.word(40)),
)

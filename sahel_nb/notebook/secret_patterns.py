"""What the keys and tokens of the common clouds, hubs and services look like: one row each, each exact.

A row needs the issuer's own prefix or shape, or the name of the setting next to a value of the right shape. Values
that only their setting's name gives away are in secret_values.py. This module is on the path of every commit: it
imports nothing, and nothing is compiled before a hint is seen.
"""

from __future__ import annotations

# Between a setting's name and its value: quotes (also as JSON escapes them), spaces, = : ( , and brackets.
_IS = rb"[\s\"'\\=:,(\[\])]{1,16}"
_QUOTE = rb"\\{0,3}[\"']"
_SPACE = rb"(?:\s|\\[nrt])*"


class Pattern:
    """One kind of secret.

    `hints`: plain texts of which one is in every secret of this kind; without one the pattern is not tried. `back`: how
    far before its hint a secret may begin. `bounded`: it stands at the beginning of a word, as what an issuer prefixes
    does. `short`: it need not hold twenty letters and digits in a row, as every other one does. The group `v` of the
    regular expression `body` is the secret itself; `random`: that must look as if nobody had thought
    it up. `needs`: what stands in the 300 bytes after a hint that is in every other text. `near`: the hint is not in
    the long word itself.
    """

    __slots__ = ("back", "body", "bounded", "hints", "name", "near", "needs", "random", "short")

    def __init__(
        self,
        name: str,
        hints: tuple[bytes, ...],
        body: bytes,
        *,
        back: int = 0,
        bounded: bool = True,
        short: bool = False,
        random: bool = False,
        needs: bytes = b"",
        near: bool = True,
    ) -> None:
        self.name = name
        self.hints = hints
        self.body = body
        self.back = back
        self.bounded = bounded
        self.short = short
        self.random = random
        self.needs = needs
        self.near = near


def _token(
    name: str, body: bytes, *hints: bytes, back: int = 0, random: bool = False, near: bool = False, needs: bytes = b""
) -> Pattern:
    # No key stands inside a longer word: base64 is full of words that merely contain one.
    body = rb"(?P<v>" + body + rb")(?![A-Za-z0-9_-])"
    return Pattern(name, hints, body, back=back, random=random, near=near, needs=needs)


def _setting(name: str, body: bytes, *names: bytes) -> Pattern:
    """NAME = value, in capitals as in the environment, or small as in a call or a file."""
    hints = tuple(one for each in names for one in dict.fromkeys((each, each.lower())))
    regex = rb"(?:" + rb"|".join(hints) + rb")" + _IS + rb"(?P<v>" + body + rb")(?![A-Za-z0-9_-])"
    return Pattern(name, hints, regex, bounded=False)


_USER = _QUOTE + rb"username" + _QUOTE + _SPACE + rb":" + _SPACE + _QUOTE + rb"[^\"'\\]{1,60}" + _QUOTE
_KEY = _QUOTE + rb"key" + _QUOTE + _SPACE + rb":" + _SPACE + _QUOTE + rb"(?P<v>[0-9a-f]{32})" + _QUOTE
_NEXT = _SPACE + rb"," + _SPACE
_W, _AN = rb"[A-Za-z0-9_-]", rb"[A-Za-z0-9]"
_UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
PATTERNS = (
    _token("a Kaggle access token", rb"KGAT_" + _W + rb"{16,}", b"KGAT_"),
    Pattern("the key of a kaggle.json", (b"username",), _USER + _NEXT + _KEY, back=4, bounded=False),
    Pattern("the key of a kaggle.json", (b'key"', b"key'", b"key\\"), _KEY + _NEXT + _USER, back=4, bounded=False),
    _setting("a Kaggle key", rb"[0-9a-f]{32}", b"KAGGLE_KEY"),
    # Clouds
    _token("an AWS access key id", rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", b"AKIA", b"ASIA", b"ABIA", b"ACCA"),
    _setting(
        "an AWS secret access key",
        rb"[A-Za-z0-9/+]{40}(?![/+=])",
        *(b"AWS_SECRET_ACCESS_KEY", b"AWS_SECRET_KEY", b"SecretAccessKey", b"SECRET_ACCESS_KEY"),
    ),
    _token(
        "an AWS session token",
        rb"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9/+=]{80,}",
        b"IQoJb3JpZ2lu",
        b"oGZXIvYXdz",
        back=2,
    ),
    _token(
        "an Amazon Bedrock key",
        rb"(?:ABSKQmVkcm9ja0|bedrock-api-key-)[A-Za-z0-9+/=]{40,}",
        b"ABSKQmVkcm9ja0",
        b"bedrock-api-key-",
    ),
    _token("a Google API key", rb"AIza" + _W + rb"{35}", b"AIza"),
    _token("a Google API key", rb"AQ\.Ab" + _W + rb"{40,60}", b"AQ.Ab"),
    _token("a Google OAuth token", rb"ya29\." + _W + rb"{30,}", b"ya29."),
    _token("a Google refresh token", rb"1//0" + _W + rb"{38,}", b"1//0"),
    _token("a Google client secret", rb"GOCSPX-" + _W + rb"{28}", b"GOCSPX-"),
    _token("a Google storage key", rb"GOOG1[A-Z0-9]{19,60}", b"GOOG1"),
    _token("a Firebase server key", rb"AAAA" + _W + rb"{7}:APA91b" + _W + rb"{130,}", b":APA91b", back=11, near=True),
    _setting("an Azure storage key", rb"[A-Za-z0-9+/]{86}==", b"AccountKey"),
    _setting("an Azure shared access key", rb"[A-Za-z0-9+/]{42,44}=?=?", b"SharedAccessKey"),
    _token("an Azure client secret", rb"[0-9A-Za-z_~.-]{3}[0-9]Q~[0-9A-Za-z_~.-]{31,34}", b"Q~", back=4),
    Pattern(
        "an Azure shared access signature",
        (b"sig=",),
        rb"sig=(?P<v>(?:[A-Za-z0-9/+]|%2[BbFf]){38,}(?:=|%3[Dd]))",
        short=True,
    ),
    _token("an Azure AI key", rb"[A-Za-z0-9]{30,60}JQQJ9[A-Za-z0-9]{20,60}", b"JQQJ9", back=60),
    _token("an Azure DevOps token", rb"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}", b"AZDO", back=76),
    _token("an Alibaba Cloud key id", rb"LTAI" + _AN + rb"{16,24}", b"LTAI", random=True),
    _token("a Tencent Cloud key id", rb"AKID" + _AN + rb"{32}", b"AKID", random=True),
    _token(
        "a Yandex Cloud key",
        rb"(?:AQVN" + _W + rb"{35,38}|t1\.[A-Z0-9a-z_-]+={0,2}\.[A-Z0-9a-z_-]{86}={0,2}|y[0-3]_" + _W + rb"{50,})",
        b"AQVN",
        b"t1.",
        b"y0_",
        b"y1_",
        b"y2_",
        b"y3_",
    ),
    _token("a DigitalOcean token", rb"do[opr]_v1_[0-9a-f]{64}", b"_v1_", back=3),
    _token("a Heroku key", rb"HRKU-[A-Za-z0-9_-]{30,}", b"HRKU-"),
    _token("a Fly.io token", rb"(?:fo1_" + _W + rb"{43}|fm[12][ar]?_[A-Za-z0-9+/_=-]{100,})", b"fo1_", b"fm1", b"fm2"),
    _token("a Render key", rb"rnd_" + _AN + rb"{32}", b"rnd_"),
    _token("a Netlify token", rb"nf[pcobu]_" + _AN + rb"{36}", b"nfp_", b"nfc_", b"nfo_", b"nfb_", b"nfu_"),
    _token(
        "a Vercel token",
        rb"(?:vercel_blob_rw_" + _AN + rb"+_" + _AN + rb"{20,}|vc[pkair]_[A-Za-z0-9]{40,})",
        b"vercel_blob_rw_",
        b"vcp_",
        b"vck_",
        b"vca_",
        b"vci_",
        b"vcr_",
    ),
    _token("a Supabase key", rb"sb(?:p_[0-9a-f]{40}|_secret_" + _W + rb"{20,})", b"sbp_", b"sb_secret_"),
    _token(
        "a Cloudflare key",
        rb"(?:v1\.0-[0-9a-f]{24}-[0-9a-f]{146}|cf[ua]t_" + _W + rb"{40,})",
        b"v1.0-",
        b"cfut_",
        b"cfat_",
    ),
    _token("a PlanetScale key", rb"pscale_(?:tkn|pw|oauth|api|pass)_[A-Za-z0-9_.=-]{32,64}", b"pscale_"),
    _token("a Neon key", rb"napi_[a-z0-9]{60,}", b"napi_"),
    _token("a Terraform token", _AN + rb"{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", b".atlasv1.", back=14),
    _token("a Vault token", rb"hv[sbr]\.[A-Za-z0-9_-]{20,}", b"hvs.", b"hvb.", b"hvr.", random=True),
    _token(
        "a Doppler token",
        rb"dp\.(?:pt|st|ct|sa|scim|audit)(?:\.[a-z0-9_-]{2,35})?\." + _AN + rb"{40,44}",
        b"dp.pt.",
        b"dp.st.",
        b"dp.ct.",
        b"dp.sa.",
        b"dp.scim.",
        b"dp.audit.",
    ),
    _token("a Pulumi token", rb"pul-[0-9a-f]{40}", b"pul-"),
    _token("a Tailscale key", rb"tskey-[a-z]+-[A-Za-z0-9-]{20,}", b"tskey-"),
    Pattern(
        "an age secret key",
        (b"AGE-SECRET-KEY-1",),
        rb"AGE-SECRET-KEY-1(?P<v>[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})",
    ),
    Pattern(
        "a private key",
        (b"PRIVATE KEY",),
        rb"(?P<v>-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----)"
        rb"(?![^-]{0,80}?(?:\.\.\.|<|\{|\*\*\*|xxx|XXX|[Yy]our|YOUR|\xe2\x80\xa6))",
        back=40,
        bounded=False,
        short=True,
    ),
    Pattern("a private key", (b"PuTTY-User-Key-File-",), rb"(?P<v>PuTTY-User-Key-File-[23]): ", short=True),
    # Code and packages
    _token("a Hugging Face token", rb"(?:hf_|api_org_)[A-Za-z0-9]{34}", b"hf_", b"api_org_"),
    _token("a GitHub token", rb"gh[pousr]_[A-Za-z0-9]{36,}", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
    _token("a GitHub token", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", b"github_pat_"),
    _token("a GitLab token", rb"glpat-[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?", b"glpat-"),
    _token(
        "a GitLab token",
        rb"(?:gl(?:dt|rt|cbt|ptt|ft|soat|agent|oas|imt|ffct|rtr)-|GR1348941)(?:[A-Za-z0-9_.-]{0,20}_)?[A-Za-z0-9_-]{20,}",
        *(
            b"gldt-",
            b"glrt-",
            b"glcbt-",
            b"glptt-",
            b"glft-",
            b"glsoat-",
            b"glagent-",
            b"gloas-",
            b"glimt-",
            b"glffct-",
            b"glrtr-",
            b"GR1348941",
        ),
        random=True,
    ),
    _token(
        "a Bitbucket password",
        rb"(?:ATBB[A-Za-z0-9_.-]{24,}|ATCTT3xFfG[A-Za-z0-9_.-]{50,}(?:=[A-F0-9]{8})?)",
        b"ATBB",
        b"ATCTT3xFfG",
        random=True,
    ),
    _token("an Atlassian token", rb"ATATT3xFfG[A-Za-z0-9_-]{50,}(?:=[A-F0-9]{8})?", b"ATATT3xFfG"),
    _token("a PyPI token", rb"pypi-AgE[A-Za-z0-9_-]{70,}", b"pypi-AgE"),
    _token("an npm token", rb"npm_[A-Za-z0-9]{36}", b"npm_"),
    _token("a RubyGems key", rb"rubygems_[0-9a-f]{48}", b"rubygems_"),
    _token("a crates.io token", rb"cio[A-Za-z0-9]{32}", b"cio", random=True),
    _token("a NuGet key", rb"oy2[a-z0-9]{43}", b"oy2"),
    _token("a Docker Hub token", rb"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}", b"dckr_"),
    _token("an Artifactory key", rb"(?:AKCp[A-Za-z0-9]{60,}|cmVmdGtuO[A-Za-z0-9]{50,})", b"AKCp", b"cmVmdGtuO"),
    _token("a SonarQube token", rb"sq[upa]_[0-9a-f]{40}", b"squ_", b"sqp_", b"sqa_"),
    _token("a CircleCI token", rb"CCI(?:PAT|PRJ)_[A-Za-z0-9]+_[0-9a-f]{40}", b"CCIPAT_", b"CCIPRJ_"),
    _token("a Buildkite token", rb"bk(?:ua|at|ct)_[0-9a-z]{40}", b"bkua_", b"bkat_", b"bkct_"),
    _token("a Sourcegraph token", rb"sgp_(?:[A-Za-z0-9-]{1,20}_)?[0-9A-Za-z]{40,}", b"sgp_"),
    _token("a Postman key", rb"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", b"PMAK-"),
    # Data
    _token("a Databricks token", rb"dapi[0-9a-f]{32}(?:-[0-9])?", b"dapi"),
    _token("a Pinecone key", rb"pcsk_[A-Za-z0-9]+_[A-Za-z0-9]{40,}", b"pcsk_"),
    _token("a Prefect key", rb"pn[ub]_[A-Za-z0-9]{36}", b"pnu_", b"pnb_"),
    _token("an Airtable token", rb"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", b"pat"),
    _token("a Notion token", rb"(?:ntn_[0-9]{8,}[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{43})", b"ntn_", b"secret_"),
    _token("a Dropbox token", rb"sl\.(?:u\.)?[A-Za-z0-9_-]{60,}", b"sl."),
    _token("a Mapbox token", rb"[st]k\.eyJ1[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,24}", b"k.eyJ1", back=1),
    _token("an Apify token", rb"apify_api_[A-Za-z0-9]{30,}", b"apify_api_"),
    # Models and experiments
    _token(
        "an OpenAI key",
        rb"sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})",
        *(b"sk-proj-", b"sk-svcacct-", b"sk-admin-", b"sk-None-", b"T3BlbkFJ"),
        back=23,
    ),
    _token("an Anthropic key", rb"sk-ant-[a-z]+[0-9]{2}-[A-Za-z0-9_-]{20,}", b"sk-ant-"),
    _token("an OpenRouter key", rb"sk-or-(?:v[0-9]-)?[0-9a-f]{64}", b"sk-or-"),
    _token("a Langfuse key", rb"sk-lf-" + _UUID, b"sk-lf-"),
    _token(
        "a key of a model service", rb"sk-[A-Za-z0-9]{32,64}", b"sk-", random=True
    ),  # DeepSeek, Qwen, Moonshot, OpenAI's own of old
    _token("a Groq key", rb"gsk_[A-Za-z0-9]{48,56}", b"gsk_"),
    _token("a Replicate token", rb"r8_[A-Za-z0-9]{37}", b"r8_"),
    _token("a Perplexity key", rb"pplx-[A-Za-z0-9]{40,64}", b"pplx-"),
    _token("an xAI key", rb"xai-[A-Za-z0-9]{60,}", b"xai-"),
    _token("a Together key", rb"tgp_v[0-9]_[A-Za-z0-9_-]{40,}", b"tgp_v"),
    _token("a Fireworks key", rb"fw_[A-Za-z0-9]{20,}", b"fw_", random=True),
    _token("a Cerebras key", rb"csk-[a-z0-9]{40,}", b"csk-"),
    _token("an NVIDIA key", rb"nvapi-[A-Za-z0-9_-]{60,}", b"nvapi-"),
    _token("an Anyscale key", rb"esecret_[a-z0-9]{20,}", b"esecret_", random=True),
    _token("a Jina key", rb"jina_[A-Za-z0-9_-]{50,}", b"jina_", random=True),
    _token("a Voyage key", rb"(?:pa|al)-[A-Za-z0-9_-]{40,}", b"pa-", b"al-", random=True),
    _token("a Tavily key", rb"tvly-(?:dev-|prod-)?[A-Za-z0-9_-]{20,}", b"tvly-", random=True),
    _token("a Firecrawl key", rb"fc-[0-9a-f]{32}", b"fc-"),
    _token("a LlamaCloud key", rb"llx-[A-Za-z0-9]{40,}", b"llx-"),
    _token("a LangSmith key", rb"(?:lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}|ls__[0-9a-f]{32})", b"lsv2_", b"ls__"),
    _token("a Neptune token", rb"eyJhcGlf[A-Za-z0-9+/_-]{40,}={0,2}", b"eyJhcGlf"),
    _token("a Weights & Biases key", rb"wandb_v[0-9]_[A-Za-z0-9_-]{60,}", b"wandb_v"),
    _setting("a Weights & Biases key", rb"(?:[0-9a-f]{40}|[A-Za-z0-9_-]{80,100})", b"WANDB_API_KEY"),
    # wandb.login(key="…"), `wandb login …`, and the line that it writes into .netrc
    Pattern(
        "a Weights & Biases key",
        (b"wandb",),
        rb"wandb(?:[. ]login|\.ai)[^\r\n]{0,60}?(?<![0-9A-Za-z_-])(?P<v>[0-9a-f]{40}|wandb_[A-Za-z0-9_-]{70,95})"
        rb"(?![0-9A-Za-z_-])",
        bounded=False,
    ),
    _token("an ElevenLabs key", rb"sk_[0-9a-f]{48}", b"sk_"),
    _token("a Cartesia key", rb"sk_car_[A-Za-z0-9]{20,}", b"sk_car_"),
    _token("a RunPod key", rb"rpa_[A-Za-z0-9]{40,}", b"rpa_"),
    _token("a Modal token", rb"a[ks]-[A-Za-z0-9]{22}", b"ak-", b"as-", random=True),
    _token("an E2B key", rb"e2b_[0-9a-f]{40}", b"e2b_"),
    _token("a Scale key", rb"(?:live|test)_[0-9a-f]{32}", b"live_", b"test_"),
    _token("a Nomic key", rb"nk-[A-Za-z0-9_-]{40,}", b"nk-", random=True),
    # Messages, money, offices
    _token("a Slack token", rb"xox[abeoprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}", b"xox"),
    _token("a Slack token", rb"xapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[0-9a-f]{40,}", b"xapp-"),
    _token("a Slack token", rb"xoxe(?:\.xox[bp])?-[0-9]-[A-Za-z0-9]{100,}", b"xoxe"),
    _token(
        "a Slack webhook",
        rb"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z0-9]{8,}/[A-Z0-9]{8,}/[A-Za-z0-9/]{20,}",
        b"hooks.slack.com/",
        random=True,
    ),
    _token(
        "a Discord webhook",
        rb"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]{16,20}/[A-Za-z0-9_-]{60,}",
        b"webhooks/",
        back=30,
    ),
    _token(
        "a Teams webhook",
        rb"webhook\.office\.com/webhookb2/" + _UUID + rb"@" + _UUID + rb"/IncomingWebhook/[0-9a-f]{32}",
        b"webhook.office.com/",
    ),
    _token("a Zapier webhook", rb"hooks\.zapier\.com/hooks/catch/[0-9]+/[a-z0-9]{6,}", b"hooks.zapier.com/"),
    _token("a Telegram bot token", rb"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,34}", b":AA", back=10, near=True),
    _token(
        "a Stripe key",
        rb"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{16,}",
        *(one + two for one in (b"sk_", b"rk_") for two in (b"live_", b"test_", b"prod_")),
        random=True,
    ),
    _token("a Stripe webhook secret", rb"whsec_[A-Za-z0-9+/]{24,}={0,2}", b"whsec_", random=True),
    _token("a SendGrid key", rb"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}", b"SG."),
    _token("a Twilio key", rb"(?:SK|AC)[0-9a-f]{32}", b"SK", b"AC"),
    _token("a Mailgun key", rb"(?:key|pubkey)-[0-9a-f]{32}", b"key-", b"pubkey-"),
    _token("a Brevo key", rb"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}", b"xkeysib-"),
    _token("a Resend key", rb"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", b"re_", random=True),
    _token("a Shopify token", rb"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", b"shpat_", b"shpca_", b"shppa_", b"shpss_"),
    _token(
        "a Square token",
        rb"(?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60})",
        b"sq0",
        b"EAAA",
        random=True,
    ),
    _token(
        "a Braintree token",
        rb"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
        b"access_token$",
        near=True,
    ),
    _token("a Razorpay key", rb"rzp_(?:live|test)_[A-Za-z0-9]{14,}", b"rzp_"),
    _token("a Facebook token", rb"(?<![/+=])EAA[A-Za-z0-9]{80,300}(?![/+=])", b"EAA", random=True),
    Pattern(
        "an X bearer token",
        (b"AAAAAAAAAAAAAAAA",),
        rb"(?<![/+=])A{16,22}(?P<v>[A-Za-z0-9%]{60,200})(?![A-Za-z0-9/+=_-])",
        random=True,
    ),
    _token("an Asana token", rb"[12]/[0-9]{12,20}(?:/[0-9]{12,20})?:[0-9a-f]{32}", b"1/", b"2/", near=True),
    _token("a Figma token", rb"fig(?:d|o|or)_[A-Za-z0-9_-]{40,}", b"figd_", b"figo_", b"figor_"),
    _token("a Linear key", rb"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}", b"lin_api_", b"lin_oauth_"),
    _token("a Typeform token", rb"tfp_[A-Za-z0-9_.=-]{50,}", b"tfp_"),
    _token("a Contentful token", rb"CFPAT-[A-Za-z0-9_-]{43}", b"CFPAT-"),
    # Watching
    _token("a Sentry token", rb"(?:sntrys_[A-Za-z0-9+/=_-]{60,}|sntryu_[0-9a-f]{64})", b"sntrys_", b"sntryu_"),
    _token(
        "a Sentry DSN",
        rb"https?://[0-9a-f]{32}(?::[0-9a-f]{32})?@[a-z0-9.-]*sentry[a-z0-9.-]*/[0-9]+",
        b"://",
        back=5,
        needs=b"@",
        near=True,
    ),
    _token(
        "a New Relic key",
        rb"(?:NR(?:AK|BR|JS|RA)-[A-Za-z0-9]{19,32}|[0-9a-f]{36}NRAL)",
        b"NRAK-",
        b"NRBR-",
        b"NRJS-",
        b"NRRA-",
        b"NRAL",
        back=36,
    ),
    _token(
        "a Grafana token",
        rb"(?:glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/]{40,}={0,2}|eyJrIjoi[A-Za-z0-9+/]{60,}={0,2})",
        b"glsa_",
        b"glc_",
        b"eyJrIjoi",
    ),
    _token("a Dynatrace token", rb"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}", b"dt0c01."),
    # Any issuer's
    _token("a JSON web token", rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}", b"eyJ"),
    Pattern(
        "a password in a URL",
        (b"://",),
        rb"[A-Za-z][A-Za-z0-9+.-]{1,24}://[^\s\"'`:/@<>{}$\\]{0,80}:(?P<v>[^\s\"'`/@<>{}$()\\]{6,200})@(?=[A-Za-z0-9\[])",
        back=24,
        short=True,
        random=True,
        needs=b"@",
    ),
)

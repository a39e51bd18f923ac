# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which language is this?
#
# A language identifier for Bambara, Fula, Wolof, Hausa and French, trained in seconds on 120 short sentences of each.
# It is a naive Bayes classifier over character n-grams: it counts pieces of words and asks in which language
# they would surprise it least.
#
# All sentences are short, plain and by the same hand: the numbers below show that the method works, not how well it
# would do on text from the street.
#
# It writes `metrics.json`, `model.json.gz`, `confusion.png` and `errors.txt` to the working directory.

# %%
import gzip
import json
import math
import random
import time
import unicodedata
from collections import Counter
from glob import glob
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draw to files: a run in batch has no screen
import matplotlib.pyplot as plt
from IPython.display import Image
from matplotlib.colors import PowerNorm

# %% [markdown]
# ## What to try

# %%
NGRAM = 3  # longest n-gram: 1 sees single letters, 3 sees syllables and short words
SMOOTHING = 0.1  # what an n-gram counts in a language where it was never seen; must be above zero
FOLDS = 5  # two or more: each sentence is judged by a model trained on the other folds
ROUNDS = 3  # cross-validations, each with another shuffle; more rounds take longer
SEED = 2024
LENGTHS = (4, 8, 12, 16, 20, 24)  # also judged on their first characters only

LANGUAGES = {"bam": "Bambara", "ful": "Fula", "wol": "Wolof", "hau": "Hausa", "fra": "French"}

# %% [markdown]
# ## The sentences

# %%
CORPUS = "sahel-langid-text"
PLACES = [
    f"/kaggle/input/datasets/*/{CORPUS}",  # where Kaggle mounts a dataset
    f"/kaggle/input/{CORPUS}",  # where it used to, and sometimes still does
    f"../input/datasets/*/{CORPUS}",
    f"../input/{CORPUS}",
    "data",  # the notebook's own folder, when it is opened in a clone
]


def find_corpus():
    """The first folder of PLACES that holds every language's file."""
    for place in PLACES:
        for folder in map(Path, sorted(glob(place))):
            if all((folder / f"{code}.txt").is_file() for code in LANGUAGES):
                return folder
    files = ", ".join(f"{code}.txt" for code in LANGUAGES)
    places = "\n  ".join(PLACES)
    raise FileNotFoundError(
        f"no folder with {files}. Looked, from {Path.cwd()}, in\n  {places}\n"
        f"Is {CORPUS} among the dataset_sources of kernel-metadata.json, and was the dataset pushed?"
    )


def read_sentences(path):
    return unicodedata.normalize("NFC", path.read_text(encoding="utf-8")).splitlines()


folder = find_corpus()
corpus = {code: read_sentences(folder / f"{code}.txt") for code in LANGUAGES}

print(f"Text from {folder}")
for code, sentences in corpus.items():
    letters = "".join(sorted({c for c in "".join(sentences).casefold() if not c.isascii()}))
    print(f"  {code}  {len(sentences)} sentences  {letters}", flush=True)


# %% [markdown]
# ## The model
#
# Every language has the same number of sentences, so no language is favoured beforehand.

# %%
def ngrams(text):
    """All runs of 1 to NGRAM characters; a space at both ends marks where words begin and end."""
    text = f" {text.casefold()} "
    return [text[i : i + n] for n in range(1, NGRAM + 1) for i in range(len(text) - n + 1)]


def train(pairs):
    """(language, sentence) pairs → for each language, log P(n-gram | language)."""
    counts = {code: Counter() for code in LANGUAGES}
    for code, sentence in pairs:
        counts[code].update(ngrams(sentence))
    vocabulary = sorted(set().union(*counts.values()))
    model = {}
    for code, seen in counts.items():
        total = sum(seen.values()) + SMOOTHING * len(vocabulary)
        model[code] = {gram: math.log((seen[gram] + SMOOTHING) / total) for gram in vocabulary}
    return model


def identify(model, text):
    """The language in which this text is least surprising; n-grams seen in none of them say nothing."""
    vocabulary = next(iter(model.values()))  # the same n-grams for every language
    grams = [gram for gram in ngrams(text) if gram in vocabulary]
    return max(model, key=lambda code: sum(map(model[code].get, grams)))


# %% [markdown]
# ## How good is it?
#
# Stratified cross-validation: each fold has its share of every language, and nothing is scored by a model that
# has seen it.

# %%
def deal(shuffle):
    """FOLDS hands of (language, sentence) pairs, every language dealt evenly."""
    hands = [[] for _ in range(FOLDS)]
    for code, sentences in corpus.items():
        for i, sentence in enumerate(shuffle.sample(sentences, len(sentences))):
            hands[i % FOLDS].append((code, sentence))
    for hand in hands:
        shuffle.shuffle(hand)
    return hands


confusion = {code: Counter() for code in LANGUAGES}  # confusion[truth][guess]
prefixes = {length: Counter() for length in LENGTHS}  # prefixes[length][was the guess right?]
mistakes = Counter()
by_round = []
said = 0.0

for number in range(1, ROUNDS + 1):
    hands = deal(random.Random(SEED + number))
    hits = 0
    for fold, held_out in enumerate(hands, start=1):
        model = train(pair for hand in hands if hand is not held_out for pair in hand)
        for truth, sentence in held_out:
            guess = identify(model, sentence)
            confusion[truth][guess] += 1
            hits += guess == truth
            if guess != truth:
                mistakes[truth, guess, sentence] += 1
            for length in LENGTHS:
                prefixes[length][identify(model, sentence[:length]) == truth] += 1
        if time.monotonic() - said > 0.2:  # a few lines a second: a flood of output can end a run
            said = time.monotonic()
            print(f"round {number}/{ROUNDS}  fold {fold}/{FOLDS}  {truth} → {guess}  {sentence}", flush=True)
    by_round.append(hits / sum(map(len, corpus.values())))
    print(f"round {number}/{ROUNDS}  held-out accuracy {by_round[-1]:.1%}", flush=True)

# %% [markdown]
# ## The numbers

# %%
scores = {}
for code in LANGUAGES:
    hits = confusion[code][code]
    guessed = sum(confusion[truth][code] for truth in LANGUAGES)
    scores[code] = {
        "precision": round(hits / guessed, 4) if guessed else 0.0,
        "recall": round(hits / confusion[code].total(), 4),
    }

metrics = {
    "accuracy": round(sum(by_round) / ROUNDS, 4),
    "accuracy_by_round": [round(accuracy, 4) for accuracy in by_round],
    "accuracy_by_characters": {n: round(tally[True] / tally.total(), 4) for n, tally in prefixes.items()},
    "chance": 1 / len(LANGUAGES),
    "languages": scores,
    "confusion": {truth: {guess: confusion[truth][guess] for guess in LANGUAGES} for truth in LANGUAGES},
    "sentences": {code: len(sentences) for code, sentences in corpus.items()},
    "evaluation": f"stratified {FOLDS}-fold cross-validation, {ROUNDS} rounds; each sentence is held out once a round",
    "parameters": {"ngram": NGRAM, "smoothing": SMOOTHING, "folds": FOLDS, "rounds": ROUNDS, "seed": SEED},
}
Path("metrics.json").write_text(json.dumps(metrics, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

lines = [f"{truth} → {guess}  {times}/{ROUNDS}  {text}" for (truth, guess, text), times in sorted(mistakes.items())]
Path("errors.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

print(f"accuracy {metrics['accuracy']:.1%} on held-out sentences (chance {metrics['chance']:.0%})")
for code, score in scores.items():
    print(f"  {LANGUAGES[code]:8} precision {score['precision']:.3f}  recall {score['recall']:.3f}")
print(f"{len(lines)} different mistakes, all in errors.txt; some of them:")
print("\n".join(f"  {line}" for line in lines[:6]), flush=True)

# %% [markdown]
# ## The picture

# %%
INK, FAINT, BLUE = "#1b2a3a", "#8a96a3", "#08519c"
plt.rcParams["font.size"] = 11
plt.rcParams.update(dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK))
figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 5), layout="constrained")
figure.get_layout_engine().set(w_pad=0.2, h_pad=0.15)
names = list(LANGUAGES.values())
middles = [i + 0.5 for i in range(len(names))]

shares = [[100 * confusion[truth][guess] / confusion[truth].total() for guess in LANGUAGES] for truth in LANGUAGES]
tint = PowerNorm(0.45, vmin=0, vmax=120)  # a small share is still seen
left.pcolormesh(shares, cmap="Blues", norm=tint, edgecolors="white", linewidth=3)
for y, row in zip(middles, shares):
    for x, share in zip(middles, row):
        if share:
            style = {"color": "white" if share > 40 else INK, "weight": "bold" if x == y else "normal"}
            left.text(x, y, f"{share:.1f}", ha="center", va="center", **style)
left.set(xlabel="identified as", ylabel="language of the sentence", aspect="equal")
left.set_xticks(middles, names)
left.set_yticks(middles, names)
left.tick_params(length=0)
left.invert_yaxis()
left.spines[:].set_visible(False)
left.set_title(f"{metrics['accuracy']:.1%} right, and where the rest goes (%)", loc="left", weight="bold", pad=12)

curve = [100 * accuracy for accuracy in metrics["accuracy_by_characters"].values()]
chance = 100 * metrics["chance"]
right.plot(LENGTHS, curve, color=BLUE, linewidth=2.5, marker="o", markersize=7)
for x, y in zip(LENGTHS, curve):
    right.annotate(f"{y:.1f}", (x, y), (0, -18), textcoords="offset points", ha="center", color=BLUE)
right.axhline(chance, color=FAINT, linestyle="--", linewidth=1)
right.text(LENGTHS[-1], chance + 1.5, "chance", color=FAINT, ha="right")
right.set(xlabel="characters read, from the start of the sentence", ylabel="right (%)", ylim=(0, 103), xticks=LENGTHS)
right.spines[["top", "right"]].set_visible(False)
right.set_title("How much text it needs", loc="left", weight="bold", pad=12)

figure.savefig("confusion.png", dpi=150)
Image("confusion.png")

# %% [markdown]
# ## Keep the model, and use it
#
# The model that is kept has learnt from all sentences; the numbers above are of its smaller siblings.

# %%
model = train((code, sentence) for code, sentences in corpus.items() for sentence in sentences)
rounded = {code: {gram: round(weight, 3) for gram, weight in weights.items()} for code, weights in model.items()}
saved = {"ngram": NGRAM, "languages": LANGUAGES, "log_probability": rounded}
content = json.dumps(saved, ensure_ascii=False).encode("utf-8")
Path("model.json.gz").write_bytes(gzip.compress(content, mtime=0))  # no clock in it: same model, same bytes

loaded = json.loads(gzip.decompress(Path("model.json.gz").read_bytes()))["log_probability"]
print(f"model.json.gz: {Path('model.json.gz').stat().st_size / 1000:.0f} kB, {len(loaded['bam'])} n-grams")
for text in (
    "Ɲɛnajɛ bɛ kɛ dugu kɔnɔ bi.",
    "Sukaaɓe ina ɗaanii e suudu.",
    "Yaay ji mu ngi ŋëb doomam.",
    "Ƙofar ɗakin a buɗe take.",
    "La pluie tombe sur le toit.",
):
    print(f"  {identify(loaded, text)}  {text}", flush=True)

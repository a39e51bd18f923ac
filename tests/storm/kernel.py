"""What a run of the storm prints and writes: drawn from the seed that is written into it, told apart by its stamp.

This very file is the kernel that is pushed, and what the judge asks: both sides say the same of one seed and one nonce.
"""

from __future__ import annotations

import random
import re
import sys
import time
from pathlib import Path

SEED = ""  # another one in each commit

NAMES = ("a.bin", "ŋana.txt", "ɓiɗɗo/ɲ 1.bin", "ɓiɗɗo/2.csv", "deep/er/model.pt", "b.json", "empty")
PAUSES = (0.0, 0.0, 0.3, 1.5, 3.0)


def lines(seed: str, nonce: str) -> list[str]:
    """Numbered, of this run alone, and each with its line end."""
    chance = random.Random(f"{seed} lines")
    count = chance.choice((1, 7, 60, 400))
    return [f"line {n} of {count} {nonce[:12]} ŋ{'ɗ' * chance.randrange(40)}{n}\n" for n in range(1, count + 1)]


def files(seed: str, nonce: str) -> dict[str, bytes]:
    """Names and contents, from nothing to half a megabyte."""
    chance, names = random.Random(f"{seed} files"), random.Random(f"{seed} names")
    chosen = names.sample(NAMES, names.randrange(len(NAMES) + 1))
    sizes = [chance.choice((0, 1, 300, 20_000, 100_000, 500_000)) for _ in chosen]
    return {name: random.Random(f"{nonce} {name}").randbytes(size) for name, size in zip(chosen, sizes, strict=True)}


def main() -> None:
    nonce = re.findall(r"nonce=([0-9a-f]{32})", Path(__file__).read_text(encoding="utf-8"))[-1]
    said = lines(SEED, nonce)
    pause = random.Random(f"{SEED} pause").choice(PAUSES) / len(said)
    for line in said:
        sys.stdout.buffer.write(line.encode("utf-8"))  # in one piece, which `print` to a pipe without a buffer is not
        sys.stdout.buffer.flush()
        time.sleep(pause)
    for name, content in files(SEED, nonce).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)


if __name__ == "__main__":
    main()

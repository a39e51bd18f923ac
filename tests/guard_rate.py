"""How many secrets the guard finds, by kind and by place: `python -m tests.guard_rate [--detect-secrets]`."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sahel_nb.notebook.secrets import find_secrets
from tests.support.secret_kinds import KINDS, Dice
from tests.support.secret_places import PLACES, Place


def missed(seed: object = 0, places: Sequence[Place] = PLACES) -> tuple[int, list[tuple[str, str]]]:
    """How many were looked at, and the (kind, place) of those that were not found."""
    count, lost = 0, []
    for kind in KINDS:
        for place in places:
            data = place.write(kind, kind.make(Dice((seed, kind.name, place.name))))
            if data is None:
                continue
            count += 1
            if not find_secrets(data, place.path):
                lost.append((kind.name, place.name))
    return count, lost


def missed_by_detect_secrets(seed: object = 0, places: Sequence[Place] = PLACES) -> list[tuple[str, str]]:
    """The same of detect-secrets with every plugin that it has, on a file of the same name."""
    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    lost = []
    with tempfile.TemporaryDirectory() as folder, default_settings():
        for kind in KINDS:
            for place in places:
                data = place.write(kind, kind.make(Dice((seed, kind.name, place.name))))
                if data is None:
                    continue
                path = Path(folder, Path(place.path).name)
                path.write_bytes(data)
                found = SecretsCollection()
                found.scan_file(str(path))
                if not found.files:
                    lost.append((kind.name, place.name))
    return lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many values of each kind")
    parser.add_argument("--detect-secrets", action="store_true", help="its figures beside ours (slow)")
    options = parser.parse_args()
    total, ours, theirs = 0, Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for seed in range(options.seeds):
        count, lost = missed(seed)
        total += count
        ours.update(lost)
        if options.detect_secrets:
            theirs.update(missed_by_detect_secrets(seed))
    for title, at, names in (("kind", 0, [k.name for k in KINDS]), ("place", 1, [p.name for p in PLACES])):
        each = total / len(names)
        print(f"\nBy {title} (about {each:.0f} each): missed by us" + (" / by detect-secrets" * options.detect_secrets))
        for name in names:
            mine, other = (sum(n for key, n in lost.items() if key[at] == name) for lost in (ours, theirs))
            where = ", ".join(sorted({key[1 - at] for key in ours if key[at] == name}))
            print(f"  {name:32} {mine:4}" + (f" / {other:4}" if options.detect_secrets else "") + f"  {where}"[:110])
    for who, lost in (("sahel-nb", ours), ("detect-secrets", theirs))[: 1 + options.detect_secrets]:
        whole = sum(all(key[0] != kind.name for key in lost) for kind in KINDS)
        print(f"{who}: {total - lost.total()} of {total} found; {whole} of {len(KINDS)} kinds in every place")


if __name__ == "__main__":
    main()

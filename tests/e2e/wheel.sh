#!/usr/bin/env bash
# Builds the wheel, installs it without extras into a fresh environment, and uses it as a newcomer would: hooks and
# templates must come out of the wheel, and the commit path must need nothing that the base install lacks.
# usage: wheel.sh SCRATCH-FOLDER   (from the checkout; needs .venv from `make check`)
set -euo pipefail
scratch=$1
.venv/bin/python -m build --wheel --outdir "$scratch/dist" . >"$scratch/build.log" 2>&1 || { cat "$scratch/build.log"; exit 1; }
python=${PYTHON:-$(tools/prerequisites find)}
"$python" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$scratch"/dist/*.whl
export PATH="$scratch/venv/bin:$PATH"
cd "$scratch"
sahel-nb --version
sahel-nb --help >/dev/null
git init --quiet --initial-branch=main lab
cd lab
git config user.name "Newcomer"
git config user.email newcomer@example.org
sahel-nb init
sahel-nb install
sahel-nb new first-kernel --owner newcomer
git add .
git commit --quiet -m "First kernel"
notebook=notebooks/first-kernel/first-kernel.ipynb
python - "$notebook" <<'PY'
import json, sys
path = sys.argv[1]
notebook = json.load(open(path, encoding="utf-8"))
cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["ŋana ɓiɗɗo\n"]}]
cell["source"] = "print('ŋana ɓiɗɗo')"
json.dump(notebook, open(path, "w", encoding="utf-8"), ensure_ascii=False, indent=1)
PY
git commit --quiet -am "Print a word"
if git show "HEAD:$notebook" | grep -q '"output_type"'; then echo "outputs were committed" >&2; exit 1; fi
git show "HEAD:${notebook%.ipynb}.py" | grep -q "ŋana ɓiɗɗo" || { echo "the mirror was not committed" >&2; exit 1; }
sahel-nb lint
if sahel-nb local serve --data "$scratch/kaggle" 2>"$scratch/local.err"; then echo "the extra was not asked for" >&2; exit 1; fi
grep -q "sahel-nb\[local\]" "$scratch/local.err"
echo "the wheel works: $(du -h "$scratch"/dist/*.whl | cut -f1), $(sahel-nb --version)"

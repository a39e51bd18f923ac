"""What Kaggle's own client does wrong, by version: measured, and part of no suite that gates.

    python -m tests.traps            the versions that docs/kaggle-traps.md speaks of
    python -m tests.traps 2.2.6      another one: what it has fixed shows as a failure, and belongs into FIXED_IN

Each version gets an environment of its own, `.venv-kaggle-VERSION`.
"""

"""A run: a commit in git, through the lock, to Kaggle, and back with its outputs."""

"""sahel-nb: git is the only source of truth, Kaggle is the place where notebooks run."""

__version__ = "0.1.0"

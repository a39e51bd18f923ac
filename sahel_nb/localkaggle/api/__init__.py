"""The answers: one module for each of Kaggle's services, and what else is served over HTTP."""

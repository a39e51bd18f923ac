"""Datasets: what a kernel reads, and where in a repository it lies."""

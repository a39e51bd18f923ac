"""A mutational fuzzer for what stands between a file and its blob: `python -m tests.fuzz --minutes 10 --seed 1`."""

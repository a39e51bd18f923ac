"""The demo: real git, real processes, the real kaggle client, and two people in a temporary folder."""

"""One runner per kernel: compare-and-swap on the shared remote, fenced by what Kaggle says (docs/lock-protocol.md)."""

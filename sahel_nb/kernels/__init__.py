"""The only door to Kaggle: what a kernel is, and a client that says plainly what the service answered."""

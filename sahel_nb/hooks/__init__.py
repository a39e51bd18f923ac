"""The verbs that git calls. No click here, and on the path of `git add` no import that it can do without."""

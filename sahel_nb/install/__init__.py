"""The set-up of a clone, and of a repository: filter, hooks, templates, doctor."""

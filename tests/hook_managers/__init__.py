"""Our hooks beside those of husky, lefthook, the pre-commit framework and prek themselves; gates nothing."""

# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What this kernel does
#
# One sentence: from which data, to which result.

# %%
from pathlib import Path

# On Kaggle what a kernel writes into its working folder becomes its output; here it goes beside the notebook.
OUT = Path("/kaggle/working") if Path("/kaggle/working").is_dir() else Path()

# %%
result = OUT / "hello.txt"
result.write_text("I ni ce! Jam waali? ŋ ɓ ɗ ɲ\n", encoding="utf-8")
print(result, "has", result.stat().st_size, "bytes")

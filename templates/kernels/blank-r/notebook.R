# ---
# jupyter:
#   kernelspec:
#     display_name: R
#     language: R
#     name: ir
# ---

# %% [markdown]
# # What this kernel does
#
# One sentence: from which data, to which result.

# %%
# On Kaggle what a kernel writes into its working folder becomes its output; here it goes beside the notebook.
out <- if (dir.exists("/kaggle/working")) "/kaggle/working" else "."

# %%
result <- file.path(out, "hello.txt")
writeLines("I ni ce! Jam waali? ŋ ɓ ɗ ɲ", result, useBytes = TRUE)
cat(result, "has", file.size(result), "bytes\n")

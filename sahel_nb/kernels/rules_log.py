"""The causes that a failed run's log names, the particular before the general."""

from __future__ import annotations

import re

from sahel_nb.kernels.rules import Need, Rule

# A path in quotes may have spaces.
_INPUT = (
    r"((?<=')(?:/kaggle|\.\.)/input/[^'\n]+|(?<=\")(?:/kaggle|\.\.)/input/[^\"\n]+"
    r"|(?:/kaggle|\.\.)/input/[^\s'\":;,)]+)"
)
# Python says it before the path, and so does Hugging Face of a folder that it takes for a name; shell commands after.
_MISSING = (
    r"(?:(?:FileNotFoundError|NotADirectoryError|No such file|Repo id must be in the form|Incorrect path_or_model_id)"
    r"[\s\S]{0,400}?|(?=(?:/kaggle|\.\.)/input\S{1,400} \(?(?:No such file|does not exist)))"
)
_NO_NETWORK = (
    r"Temporary failure in name resolution|Name or service not known|Network is unreachable|NewConnectionError"
    r"|Failed to establish a new connection|NameResolutionError|Could not resolve host"
)
_PIP = r"ERROR: Could not find a version that satisfies the requirement ([A-Za-z0-9][\w.-]*)"
_WHEEL = r"([A-Za-z0-9]\w*)-\d[^\s/]*\.whl"
_FIND_WHEELS = (
    "`!find /kaggle/input -name '*.whl'` in the first cell shows where they are: sources may be elsewhere now"
)
_OFFLINE = r"WARNING: Retrying \(Retry\([^\n]*\n(?:[^\n]*\n){0,8}?[^\n]*"
_NO_GPU = (
    r"Torch not compiled with CUDA enabled|Found no NVIDIA driver|No CUDA GPUs are available"
    r"|torch\.cuda\.is_available\(\) is False|CUDA_ERROR_NO_DEVICE|no CUDA-capable device"
    r"|nvidia-smi: (?:command )?not found|No such file or directory: 'nvidia-smi'|Unable to find a GPU|No GPU/TPU found"
)
_NO_TPU = r"No TPU devices? (?:were )?found|Failed to (?:find|initialize) TPU|Unable to initialize backend 'tpu'"
_REMOVED = (
    "aifc|asynchat|asyncore|audioop|cgi|cgitb|chunk|crypt|distutils|imghdr|imp|lib2to3|mailcap|msilib|nis|nntplib"
    "|ossaudiodev|pipes|pkg_resources|smtpd|sndhdr|spwd|sunau|telnetlib|uu|xdrlib"
)
"""Modules that came with Python, or with it in effect, and that 3.12 or 3.13 left out."""


def _rule(
    code: str, pattern: str, cause: str, remedy: str, *needs: Need, anywhere: bool = False, guess: bool = False,
    last: bool = False, step: str = "", log: str = "",
) -> Rule:  # fmt: skip
    return Rule(
        code, cause, remedy, re.compile(pattern), needs=(Need.FAILED, *needs), anywhere=anywhere, guess=guess,
        last=last, step=re.compile(step) if step else None, log=re.compile(log) if log else None,
    )  # fmt: skip


NOT_GIVEN = r"[\s\S]*sahel-nb: the embedded service has no (dataset|competition|kernel|model) ([^\s;]+)"
"""The last line of the service's own (`localkaggle.missing`) in a log."""

RULES = (
    _rule(
        "no-kernelspec",
        r"No kernel name found in notebook",
        "the notebook has no kernelspec",
        "sahel-nb lint says where; a notebook made by `sahel-nb new` has one",
    ),
    _rule(
        "not-python-here",
        r"in (\w+) cannot be run here: this service runs Python only",
        "the kernel is in {0}, and the embedded service runs Python only",
        "run it on Kaggle: sahel-nb run",
    ),
    _rule(
        "kernel-of-another-language",
        r"(?:No such kernel named |NoSuchKernel: )(ir|xr)\b",
        "the notebook is in R (its Jupyter kernel is {0}), and it was run where there is Python only",
        'write "language": "r" in kernel-metadata.json, and run it on Kaggle: the embedded service has no R',
    ),
    _rule(
        "kernel-of-another-language",
        r"(?:No such kernel named |NoSuchKernel: )(\S+) \(language: (?!python\b)([^)\n]+)\)",
        "the notebook is in {1} (its Jupyter kernel is {0}), and it was run where there is no kernel for that",
        'Kaggle runs notebooks in Python, and in R with "language": "r" in kernel-metadata.json',
    ),
    _rule(
        "unknown-kernelspec",
        r"(?:No such kernel named |NoSuchKernel: )(\S+)",
        "the notebook asks for the Jupyter kernel {0}, a name that only your machine knows",
        "choose a kernel that Kaggle has in your editor, and commit: Python 3 (kernelspec name python3), or R (name "
        'ir, with "language": "r" in kernel-metadata.json)',
    ),
    _rule(
        "source-not-given",
        r"KaggleApiHTTPError|HTTPError|CalledProcessError|FileNotFoundError|No such file or directory",
        "the notebook asks for the {0} {1}, and the embedded service does not have it",
        "{give}",
        Need.EMBEDDED,
        log=NOT_GIVEN,
    ),
    _rule(
        "kaggle-command-hangs",
        r"Command '(?:[^\n]*?(?:\\n|[;&|] ?))?(?:\[')?(?:b['\"])?(?:[\w./~-]*/)?kaggle(?=[' ])[^\n]*"
        r"(?:timed out|returned non-zero)",
        "the notebook calls the kaggle command, which has no terminal inside a kernel, and perhaps no credentials",
        "use kagglehub, which is signed in there (kagglehub.dataset_download and others), or list the source",
    ),
    _rule(
        "kaggle-auth-in-kernel",
        r"Could not find kaggle\.json|You must authenticate before you can call the Kaggle API"
        r"|Missing (?:username|key) in configuration|Authentication required to call the Kaggle API",
        "Kaggle's API found no credentials inside the kernel",
        "list what it needs as a source; to hand on outputs, list the other kernel in kernel_sources; else kagglehub",
        Need.RUN,
        anywhere=True,
    ),
    _rule(
        "competition-not-joined",
        r"(?:You must accept (?:this competition's|the) rules|rulesAcceptedRequired"
        r"|403[^\n]*competitions?/([\w-]+)|403 Client Error[^\n]*/competitions)",
        "the account that runs this has not joined the competition, or not accepted its rules",
        "open the competition's page on kaggle.com, Join Competition, accept the rules, run again",
    ),
    _rule(
        "competition-not-joined",
        _MISSING + _INPUT,
        "{0} is not there although the competition is listed: not joined, or mounted at {mount}",
        "join the competition on kaggle.com and accept its rules; read from {mount}, then from the old place",
        Need.COMPETITION_LISTED,
    ),
    _rule(
        "archive-unpacked",
        _MISSING + r"((?:/kaggle|\.\.)/input/[^\s'\":]+\.(?:zip|tar|tgz|tar\.gz|7z|gz))\b",
        "{0} is no longer an archive: Kaggle unpacks those that are uploaded with a dataset, all into one folder",
        "read the files that were in it; to keep an archive whole, upload it under another ending (.zip_, .sb3)",
    ),
    _rule(
        "input-file-missing",
        _MISSING + _INPUT,
        "{0} is not there, although its source is listed: it has no file of this name, or is in its old place",
        "`!find /kaggle/input` in the first cell shows what is there, in capitals or not; the old place is "
        "/kaggle/input/<slug>",
        Need.IN_PLACE,
    ),
    _rule(
        "input-moved",
        _MISSING + _INPUT,
        "{0} is not there: the dataset is listed, and sessions of now mount it at {mount}",
        "read from {mount}, and from the old place where that is missing",
        Need.DATASET_LISTED,
    ),
    _rule(
        "input-moved",
        _MISSING + _INPUT,
        "{0} is not there: the source is listed, and sessions of now mount it at {mount}",
        "read from {mount}; an output of another kernel is there only once that kernel's run is complete",
        Need.OTHER_LISTED,
    ),
    _rule(
        "input-not-mounted",
        _MISSING + _INPUT,
        "{0} is not there: its source is not listed, is mounted elsewhere, or has no such file",
        "list it in dataset_sources; look in /kaggle/input/datasets/<owner>/<slug> and in /kaggle/input/<slug>",
    ),
    _rule(
        "input-read-only",
        r"Read-only file system: ['\"]((?:/kaggle|\.\.)/input[^'\"]*)",
        "{0} cannot be written: everything below /kaggle/input is read-only",
        "write to /kaggle/working, or copy the input to /tmp first",
    ),
    _rule(
        "file-not-pushed",
        r"FileNotFoundError: [^\n]*?['\"](?:\./)?([^/'\"\n]+)['\"]",
        "{0} stands beside the notebook in git, and Kaggle got only the code file",
        "put it into a dataset and list that in dataset_sources, or write it in the first cell (%%writefile)",
        Need.BESIDE,
    ),
    _rule(
        "module-not-pushed",
        r"ModuleNotFoundError: No module named '([^']+)'",
        "{0} is a file beside the notebook in git, and Kaggle got only the code file",
        "push it as a utility script and list that in kernel_sources, or put it into a dataset and onto sys.path",
        Need.BESIDE,
    ),
    _rule(
        "module-removed",
        r"ModuleNotFoundError: No module named '(" + _REMOVED + r")[.']",
        "the Python of the session has no module {0} any more: what imports it was written for an older one",
        "take a newer version of what imports it; distutils and pkg_resources come with `%pip install 'setuptools<81'`",
    ),
    _rule(
        "kaggle-only-module",
        r"ModuleNotFoundError: No module named '(kaggle_(?!environments)\w+)'",
        "{0} is a part of Kaggle's own sessions, and a rehearsal has none",
        "catch the ImportError, and go on without it; or run it there: sahel-nb run",
        Need.EMBEDDED,
    ),
    _rule(
        "name-not-in-package",
        r"ModuleNotFoundError: No module named '([^'.]+)\.([^']+)'",
        "the {0} of the session has no module {1}: it is of another version, or this is an add-on of it",
        "`%pip list` shows what is there; pin the version that you need in the first cell, or write for this one",
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^'.]+)",
        "pip could not build {1} for the Python of the session: what it has is no wheel, but source",
        "take a version that has a wheel, or attach one as a dataset; what the build said is in the log",
        Need.RUN,
        log=r"ERROR: Failed (?:building wheel for|to build(?: installable wheels for[^\n(]*\()?) ?'?(?:git\+\S*/)?"
        r"([A-Za-z0-9][\w.-]*)",
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^'.]+)",
        "pip could not install {1}: its wheel is for another Python or another system than the session's",
        "fetch the right one: `pip download {1} --only-binary=:all: --python-version 3.12 --platform "
        "manylinux2014_x86_64`",
        Need.RUN,
        log=rf"ERROR: {_WHEEL} is not a supported wheel on this platform",
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^'.]+)",
        "pip could not install {1}: its wheel is not where the notebook looks for it",
        _FIND_WHEELS,
        Need.RUN,
        log=rf"(?:ERROR: Could not install packages due to an (?:OSError|EnvironmentError): \[Errno 2\][^\n]*/"
        rf"|WARNING: Requirement '[^\n']*/){_WHEEL}",
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^'.]+)",
        "pip could not install {2}: the folder of wheels that the notebook names, {1}, is not there",
        _FIND_WHEELS,
        Need.RUN,
        log=r"WARNING: Location '"
        r"((?:/kaggle|\.\.)/input[^'\n]*)' is ignored[\s\S]{0,2000}?" + _PIP,
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^'.]+)",
        "pip did not install {1}: the file is not the one whose hash the requirements name",
        "make the requirements' hashes anew, or fetch the file again",
        Need.RUN,
        log=r"DO NOT MATCH THE HASHES[^\n]*\n\s+([A-Za-z0-9][\w.-]*)[^\n]* from ",
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^'.]+)",
        "pip could not install {2}: it found no {1}, which that needs",
        "put the wheel of {1} beside that of {2} (`pip download {2}` fetches both), or set enable_internet to true",
        Need.RUN,
        log=_PIP + r"[^\n]* \(from ([A-Za-z0-9][\w.-]*)[^\n]*\(from versions: none\)",
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^'.]+)",
        "pip could not fetch {1}: the session has no internet",
        "set enable_internet to true (an account with a verified phone may), or attach the wheel of {1} as a dataset: "
        "`%pip install --no-index --find-links /kaggle/input/… {1}`",
        Need.RUN,
        log=_OFFLINE + _PIP,
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^'.]+)",
        "pip could not install {1}: it found no version of it that fits this Python",
        "look at the name and the version; `pip download {1}` for Kaggle's Python shows what there is",
        Need.RUN,
        log=_PIP,
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^']+)'",
        "the package {0} is not installed where this rehearsal ran; Kaggle's image may have it",
        "install {package} beside sahel-nb; what Kaggle's image has, only Kaggle knows",
        Need.EMBEDDED,
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^']+)'",
        "the package {0} is not in Kaggle's image, and enable_internet is false: pip cannot fetch it either",
        "set enable_internet to true and `%pip install {package}` in the first cell, or attach its wheel as a dataset; "
        "a module of your own: push it as a utility script, or put it into a dataset",
        Need.INTERNET_OFF,
    ),
    _rule(
        "missing-package",
        r"ModuleNotFoundError: No module named '([^']+)'",
        "the package {0} is not in Kaggle's image",
        "install it in the first cell (`%pip install {package}`), which needs enable_internet, or attach its wheel; "
        "a module of your own: push it as a utility script, or put it into a dataset",
    ),
    _rule(
        "internet-off",
        _NO_NETWORK,
        "the notebook reaches for the network, and enable_internet is false",
        "set enable_internet to true (an account with a verified phone may), or list what it fetches as a source",
        Need.INTERNET_OFF,
        anywhere=True,
    ),
    _rule(
        "network-failed",
        _NO_NETWORK + r"|ConnectTimeout|Read timed out|Connection reset by peer",
        "a host could not be reached from the session",
        "see that enable_internet is true and the account's phone is verified; else fetch again, with retries",
    ),
    _rule(
        "secret-missing",
        r"No user secrets exist for kernel|kaggle_secrets\.[\w.]*(?:Error|Exception)|BackendError.*secret"
        r"|NotFoundError: [^\n]*\b(?i:secret)",
        "the kernel has no such Kaggle Secret: a push through the API can detach them",
        "open the notebook on kaggle.com, Add-ons → Secrets, attach it, run again",
    ),
    _rule(
        "secret-missing",
        r"(?:ConnectionError|HTTPError|BackendError|CredentialError): ",
        "Kaggle's service for Secrets did not answer as the notebook asked for one: not attached, or no internet",
        "open the notebook on kaggle.com, Add-ons → Secrets, attach it (a push can detach them), see that "
        "enable_internet is true, run again",
        step=r"kaggle_secrets|UserSecretsClient|kaggle_web_client",
        guess=True,
    ),
    _rule(
        "environment-variable-missing",
        r"KeyError: '([A-Za-z_]\w*)'",
        "the environment variable {0} is not set in the session: Kaggle sets none of yours",
        "keep it in Kaggle Secrets: UserSecretsClient().get_secret('{0}'); what is no secret belongs into the code",
        step=r"\bos\.environ\b|\benviron\[|/os\.py: |(?:^|\n)[^\n]*/lib/python3\.\d+/os\.py",
    ),
    _rule(
        "internet-off",
        r"couldn't connect to 'https://huggingface\.co'|LocalEntryNotFoundError|OfflineModeIsEnabled"
        r"|outgoing traffic has been disabled",
        "the model is not on the session's disk, and enable_internet is false: Hugging Face cannot be reached",
        "set enable_internet to true, or list the model as a source and load it from its folder",
        Need.INTERNET_OFF,
    ),
    _rule(
        "network-failed",
        r"couldn't connect to 'https://huggingface\.co'|LocalEntryNotFoundError|OfflineModeIsEnabled"
        r"|outgoing traffic has been disabled",
        "the model is not on the session's disk, and Hugging Face could not be reached",
        "see that enable_internet is true and the account's phone is verified; or list the model as a source and "
        "load it from its folder",
    ),
    _rule(
        "model-not-found",
        r"RepositoryNotFoundError|Repository Not Found for url"
        r"|is not a valid model identifier listed on 'https://huggingface\.co",
        "Hugging Face shows no repository of this name to this session: misspelt, or private",
        "look at the name; for a private one keep a token in Kaggle Secrets, and log in with it in the first cell",
    ),
    _rule(
        "gated-model",
        r"Invalid user token|401[^\n]*huggingface\.co/api/whoami",
        "Hugging Face does not take the token that the notebook logs in with: mistyped, revoked or expired",
        "make a new one on huggingface.co, and put it into Kaggle Secrets",
    ),
    _rule(
        "gated-model",
        r"GatedRepoError|Cannot access gated repo|401 Client Error[^\n]*huggingface\.co",
        "Hugging Face wants a token, and an account that has accepted the model's terms",
        "accept the terms on huggingface.co, keep a token in Kaggle Secrets, and log in with it in the first cell",
    ),
    _rule(
        "gpu-too-old",
        r"no kernel image is available for execution on the device|not compatible with the current PyTorch"
        r"|CUDA capability sm_\d+ is not compatible|too old to be supported by the triton|ptxas fatal[^\n]*'sm_\d+'"
        r"|Triton only supports devices of CUDA Capability|FlashAttention only supports",
        "the GPU of this session is older than what the image's torch was built for: a P100",
        "set machine_shape to NvidiaTeslaT4",
    ),
    _rule(
        "gpu-out-of-memory",
        r"CUDA out of memory|CUDA_ERROR_OUT_OF_MEMORY|torch\.(?:cuda\.)?OutOfMemoryError|CUDA error: out of memory"
        r"|cudaErrorMemoryAllocation|OOM when allocating tensor[^\n]*device:GPU"
        r"|No available memory for the cache blocks"
        r"|larger than the available KV cache memory",
        "the GPU ran out of memory",
        "a smaller batch, half precision or gradient accumulation; torch.cuda.empty_cache() does not make room",
    ),
    _rule(
        "gpu-out-of-memory",
        r"RESOURCE_EXHAUSTED: |(?:CUBLAS|CUDNN|CUSOLVER|CUSPARSE)_STATUS_(?:ALLOC_FAILED|NOT_INITIALIZED)",
        "the accelerator (GPU or TPU) ran out of memory",
        "a smaller batch or half precision; if it fails as early with that, run the step on the CPU: an index out of "
        "range looks the same",
        guess=True,
    ),
    _rule(
        "gpu-off",
        _NO_GPU,
        "the notebook wants a GPU, and the metadata asks for none",
        "set enable_gpu to true and machine_shape to NvidiaTeslaT4",
        Need.GPU_OFF,
    ),
    _rule(
        "no-accelerator-here",
        _NO_GPU + "|" + _NO_TPU,
        "the notebook wants a GPU or TPU, and the embedded service has none",
        "let it go on without one in a rehearsal, or run it on Kaggle: sahel-nb run",
        Need.EMBEDDED,
    ),
    _rule(
        "gpu-not-visible",
        _NO_GPU,
        "the notebook sees no GPU, although one was asked for or it is not known whether one was",
        'machine_shape must be one of Kaggle\'s names, "NvidiaTeslaT4" (not "gpuT4x2"), and pip must not replace torch',
    ),
    _rule(
        "tpu-not-visible",
        _NO_TPU,
        "the notebook sees no TPU",
        "set enable_tpu to true and machine_shape to TpuV5E8; TpuV38 is retired",
    ),
    _rule(
        "shared-memory",
        r"killed by signal: Bus error|insufficient shared memory",
        "the workers of a DataLoader ran out of shared memory",
        "fewer workers (num_workers=2), or none",
    ),
    _rule(
        "disk-full",
        r"(?i)No space left on device|database or disk is full|Disk quota exceeded"
        r"|larger than the \d+ GB that /kaggle/working",
        "the disk of the session is full",
        "/kaggle/working holds 20 GB; write scratch files to /tmp, keep the last checkpoint only",
    ),
    _rule(
        "disk-full",
        r"inline_container\.cc:\d+\][^\n]*unexpected pos|PytorchStreamWriter failed writing",
        "PyTorch could not write the file to its end: the disk of the session is full",
        "/kaggle/working holds 20 GB; write scratch files to /tmp, keep the last checkpoint only",
        guess=True,
    ),
    _rule(
        "out-of-memory",
        r"\b_?(?:Array|Arrow)?MemoryError\b|tried to allocate more memory|killed by signal 9\b|killed by signal: Killed"
        r"|died with <Signals\.SIGKILL|[Cc]an(?:not|'t) allocate memory(?! in static TLS)|std::bad_alloc"
        r"|OOM when allocating tensor[^\n]*device:CPU",
        "the session ran out of memory",
        "load less at once, or take a machine with more memory",
    ),
    _rule(
        "out-of-memory",
        r"BrokenProcessPool|TerminatedWorkerError|DataLoader worker \(pid[^\n]{1,80} exited unexpectedly",
        "a worker process was killed without a word: memory that ran out, or a crash in a library's native code",
        "fewer workers, or load less at once",
        guess=True,
    ),
    _rule(
        "native-crash",
        r"(?:killed by signal (?:4|6|7|8|11)\b|died with <Signals\.SIG(?:ILL|ABRT|BUS|FPE|SEGV)|Segmentation fault)",
        "a library's native code crashed: Python itself was ended, not by an error of the notebook",
        "pin the versions that the image has; `import faulthandler; faulthandler.enable()` shows where it was",
    ),
    _rule(
        "missing-package",
        r"there is no package called [‘']([\w.]+)[’']",
        "the R package {0} is not in the session",
        "install.packages('{0}') in the first cell, which needs enable_internet, or attach it as a dataset",
    ),
    _rule(
        "kernel-unanswered",
        r"The kernel and its client waited for each other: ([^.\n]{1,80})\.",
        "the notebook's kernel and what runs it waited for each other ({0}), through no fault of the notebook",
        "run it again; ipykernel 7.4 or later loses no requests",
    ),
    _rule(
        "kernel-ended",
        r"Kernel died: its process ended with exit code (\d+)",
        "the notebook ended its own kernel, with exit code {0}: os._exit, or a library that leaves",
        "raise an error in its place, which says why",
    ),
    _rule(
        "kernel-died",
        r"DeadKernelError|Kernel died",
        "the kernel died without a word: memory that ran out, or a crash in a library's native code",
        "load less at once, or take a machine with more memory; print the memory that is used, with flush=True",
        guess=True,
    ),
    _rule(
        "time-limit",
        r"(?i)exceeded the max(?:imum)? allowed execution duration",
        "the run reached its time limit",
        "save checkpoints to /kaggle/working and go on from them, or raise --timeout (12 h, TPU 9 h at most)",
    ),
    _rule(
        "iopub-flood",
        r"IOPub (?:data|message) rate exceeded|(?i:waiting for IOPub output|IOPub timeout)",
        "the notebook printed faster than Jupyter could carry it away; silence does no harm, floods do",
        "turn progress bars off (progress_bar=False), or give them a mininterval of some seconds",
    ),
    _rule(
        "cell-timeout",
        r"A cell timed out while it was being executed, after (\d+) seconds",
        "one cell took longer than the {0} seconds that a cell may take",
        "split it, or save and go on from a checkpoint",
    ),
    _rule(
        "not-signed-in",
        r"api_key not configured|No API key configured",
        "Weights & Biases has no key in the session, and nobody is there to type one",
        "wandb.login(key=UserSecretsClient().get_secret('WANDB_API_KEY')) in the first cell, or WANDB_MODE=offline",
    ),
    _rule(
        "no-keyboard",
        r"StdinNotImplementedError|EOFError: EOF when reading a line",
        "the notebook waits for somebody to type, and nobody is there",
        "take input() and getpass() out; secrets come from Kaggle Secrets",
    ),
    _rule(
        "system-library-missing",
        r"ImportError: (libGL\.so\S*|libgthread\S*|libglib\S*|libSM\S*|libXext\S*): cannot open shared object file",
        "{0}, a library of the system for windows, is not in the session: opencv-python asks for it",
        "`%pip install opencv-python-headless` in its place, or leave the image's own cv2 as it is",
    ),
    _rule(
        "system-library-missing",
        r"(?:ImportError|OSError): (lib[\w.+-]+\.so[\w.]*): cannot open shared object file",
        "{0}, a library of the system, is not in the session, or not in the version that a package was built for",
        "keep the version of the package that the image has; else install the library with `!apt-get install`",
    ),
    _rule(
        "binary-mismatch",
        r"numpy\.dtype size changed|binary incompatibility|A module that was compiled using NumPy 1|undefined symbol: "
        r"|numpy\.core\.multiarray failed to import|_ARRAY_API not found|operator torchvision::\w+ does not exist"
        r"|compiled with different CUDA|version `GLIBC(?:XX)?_[\d.]+' not found",
        "two packages, or one and the system, were built for different versions of each other",
        "keep the versions that were there before a `pip install` changed one: pin them, or use --no-deps",
    ),
    _rule(
        "name-not-in-package",
        r"ImportError: cannot import name '([^']+)' from '([^']+)'(?! \(/kaggle/)",
        "the {1} of the session is not the version that this was written for: it has no {0}",
        "`%pip list` shows what is there; pin the version that you need in the first cell, or write for this one",
    ),
    _rule(
        "pip-failed",
        r"Command '?\[[^\n]*'pip', 'install'[^\n]*returned non-zero",
        "pip could not install what the notebook asks for",
        "read what pip said above the error in `sahel-nb logs`; with enable_internet false it can install wheels only",
        last=True,
    ),
    _rule(
        "no-such-column",
        r"KeyError: (\"[^\n]*not in index\"|'[^'\n]*'|\"[^\n]*are in the \[columns\]\")",
        "the table has no column {0}",
        "print its columns; a file of another version, another separator or a space in the header are usual reasons",
        step=r"/pandas/core/",
    ),
    _rule(
        "undefined-name",
        r"NameError: name '([^']+)' is not defined",
        "{0} is not defined: Kaggle runs the cells once, from the top, in a fresh kernel",
        "Restart and Run All in your editor, or sahel-nb rehearse, shows the same without spending quota",
        Need.OWN_CODE,
    ),
    _rule(
        "syntax",
        r"(?:SyntaxError|IndentationError|TabError): ([^\n]*)",
        "the code is not valid Python: {0}",
        "sahel-nb lint finds it before a run does",
        Need.OWN_CODE,
    ),
    _rule(
        "not-a-notebook",
        r"(?:NotJSONError|Notebook does not appear to be JSON|nbformat\.[\w.]*ValidationError|NotebookValidationError)",
        "what was pushed is no valid notebook",
        "sahel-nb lint says what is wrong with it",
    ),
    _rule(
        "service-stopped",
        r"[Tt]he service (?:was )?stopped (?:while|before) this version",
        "the embedded service was stopped while this version ran",
        "run it again",
    ),
)

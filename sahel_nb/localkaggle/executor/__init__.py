"""Runs one version of a kernel as Kaggle would: its paths, its limits, its log, and none of the host's files.

    service ── launch.py ──pipe──▶ supervisor.py ──fork──▶ sandbox (pid 1) ──exec──▶ runner.py or the script
                                   writes log.jsonl                                  writes /kaggle/working
                                   writes result.json, last

    the code of the run ── localhost, port 80 ──▶ service, as the run's author (`api_access`)

The pipe is the run's lifeline: when the service dies, however it dies, the supervisor reads its end and kills the run.
When the supervisor dies, the kernel kills pid 1 of the sandbox, and with it everything inside.
"""

"""A Kaggle that fails as it is told, and the real client against it; prints what became of each call as JSON.

Run as a process of its own: Kaggle's package is opened once a process, for one service.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sahel_nb.errors import SahelError
from sahel_nb.kernels import backoff
from sahel_nb.kernels.client import KaggleClient
from sahel_nb.kernels.model import KernelRef
from sahel_nb.kernels.target import Target, TargetKind

REF = KernelRef("awa", "fula-lid")
LINES = [{"stream_name": "stdout", "time": n, "data": f'ŋana ɓiɗɗo {n} \\ "ɲ"\n'} for n in range(2000)]
LOG = "[" + ",".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES) + "]"
ANSWERS: dict[str, Any] = {
    "GetKernelSessionStatus": {"status": "RUNNING"},
    "GetKernel": {"metadata": {"ref": str(REF), "title": "x", "currentVersionNumber": 3}, "blob": {"source": "ŋ"}},
    "ListKernelSessionOutput": {"files": [{"fileName": "a", "url": "x"}], "log": LOG, "nextPageToken": ""},
    "SaveKernel": {"versionNumber": 1},
}
asked: Counter[str] = Counter()


class Flaky(BaseHTTPRequestHandler):
    """First 503 for a status, no answer for a kernel, half an answer for outputs and log. No push ever goes well."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        method = self.path.rpartition("/")[2]
        asked[method] += 1
        first = asked[method] == 1
        if method == "SaveKernel" or (first and method == "GetKernelSessionStatus"):
            self._answer(503, b"<html>busy</html>", "text/html", {"Retry-After": "0"})
        elif first and method == "GetKernel":
            self.close_connection = True
        else:
            body = json.dumps(ANSWERS[method]).encode()
            whole = len(body)
            if first and method == "ListKernelSessionOutput":
                body, self.close_connection = body[: whole // 2], True
            self._answer(200, body, "application/json", length=whole)

    def do_GET(self) -> None:
        events = "".join(f"data: {json.dumps(line, ensure_ascii=False)}\n\n" for line in LINES[:3])
        self.close_connection = True
        self._answer(200, f"{events}data: END_OF_LOG\n\n".encode(), "text/event-stream")

    def _answer(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind, "Content-Length": str(length or len(body)), **(headers or {})
        }.items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  the base class names it so


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = KaggleClient(Target(TargetKind.OTHER, f"http://127.0.0.1:{server.server_address[1]}", "awa", "key"))
    kernel = client.kernel(REF)
    found: dict[str, object] = {
        "kernel": kernel.source if kernel else None,
        "status": client.status(REF, 3).state.value,
        "log": [record.data for record in client.log(REF, 3)] == [line["data"] for line in LINES],
        "stream": [record.data if record else None for record in client.stream(REF, 3)]
        == [*(line["data"] for line in LINES[:3]), None],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        metadata = {"id": str(REF), "title": "Fula Lid", "code_file": "x.py", "language": "python"}
        metadata |= {"kernel_type": "script", "is_private": "true"}
        (folder / "kernel-metadata.json").write_text(json.dumps(metadata), "utf-8")
        (folder / "x.py").write_text("print()\n", "utf-8")
        try:
            client.push(folder, None)
        except SahelError as exc:
            found["push"] = [type(exc).__name__, isinstance(exc, backoff.Busy)]
    json.dump(found | {"asked": asked}, sys.stdout)


if __name__ == "__main__":
    main()

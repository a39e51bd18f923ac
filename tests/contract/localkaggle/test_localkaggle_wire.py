"""What the wire itself looks like: labels, errors, paging, ranges, streams, proxies, hosts."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import threading
from typing import Any

import psutil
import requests

from support.service import BIN, Service, service_fixture, wait_until

service = service_fixture("--admin", "--token", "token-of-awa=awa")

WHERE = {"userName": "awa", "kernelSlug": "wire-kernel"}


def push(service: Service, name: str, source: str, user: str = "awa", **fields: Any) -> Any:
    title = name.replace("-", " ").capitalize()
    base = {"slug": f"awa/{name}", "newTitle": title, "text": source, "language": "python", "kernelType": "script"}
    return service.api(user, "SaveKernel", {**base, **fields})


def raw(service: Service, request: bytes) -> bytes:
    """Bytes to the service's port, and everything that comes back."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(request)
        data = b""
        while piece := connection.recv(65536):
            data += piece
    return data


def test_versions_are_named_by_v_and_nothing_else(service: Service) -> None:
    for text in ("print(1)", "print(2)"):
        assert push(service, "wire-kernel", text)[0] == 200
    service.wait("awa", "awa/wire-kernel")
    for label, code in (("v1", 200), ("v2", 200), ("", 200), ("v3", 404), ("3", 404), ("1", 404), ("v01", 404)):
        assert service.api("awa", "GetKernelSessionStatus", {**WHERE, "versionLabel": label})[0] == code, label
    assert service.api("awa", "GetKernel", {"userName": "awa", "kernelSlug": "wire-kernel/1"})[0] == 403
    code, first = service.api("awa", "GetKernel", {**WHERE, "versionLabel": "v1"})
    assert (code, first["blob"]["source"], first["metadata"]["currentVersionNumber"]) == (200, "print(1)", 2)


def test_errors_carry_both_shapes(service: Service) -> None:
    message = "Permission 'kernels.get' was denied"
    code, body = service.api("awa", "GetKernelSessionStatus", {"userName": "awa", "kernelSlug": "no-such-kernel"})
    assert code == 403
    assert body == {
        "code": 403,
        "message": message,
        "error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"},
    }
    assert service.api("", "ListKernels")[0] == 401
    assert service.api("awa", "NoSuchMethod")[0] == 404
    answer = requests.post(
        f"{service.url}/api/v1/kernels.KernelsApiService/ListKernels", data=b"[]", auth=("awa", service.key("awa"))
    )
    assert (answer.status_code, answer.json()["message"]) == (400, "The request's body must be a JSON object")


def test_what_a_push_may_not_be(service: Service) -> None:
    too_long = push(service, "large-kernel", "#" * (1 << 20))
    assert (too_long[0], too_long[1]["message"]) == (400, "The kernel source must be less than 1 megabyte in size")
    for fields in (
        {"newTitle": "abc"},
        {"newTitle": "x" * 51},
        {"newTitle": "", "slug": "awa/abcd"},
        {"newTitle": "", "slug": "awa/../etc"},
        {"language": "perl"},
        {"kernelType": "page"},
        {"text": ""},
    ):
        assert push(service, "refused-kernel", "print(1)", **fields)[0] == 400, fields
    assert push(service, "foreign-kernel", "print(1)", user="binta")[0] == 403
    code, answer = push(service, "unknown-id", "print(1)", id=10**6)
    assert (code, answer["error"]) == (200, "Notebook not found")  # the client exits 0 on this


def test_a_running_session_shows_neither_log_nor_files_and_streams_utf8(service: Service) -> None:
    text = "import time; open('early.txt', 'w').write('x'); print('ŋ\u2028ɗ', flush=True); time.sleep(60)"
    assert push(service, "slow-kernel", text)[1]["versionNumber"] == 1
    where = {"userName": "awa", "kernelSlug": "slow-kernel"}
    request = (
        "GET http://localhost/api/v1/kernels/logs/stream/awa/slow-kernel HTTP/1.1\r\nHost: ignored\r\n"
        "Authorization: Bearer token-of-awa\r\nConnection: close\r\n\r\n"
    )
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(raw(service, request.encode())))
    reader.start()
    service.wait("awa", "awa/slow-kernel", until=("RUNNING",))
    answer = requests.post(
        f"{service.url}/api/v1/kernels.KernelsApiService/GetKernelSessionLogsStream",
        json=where,
        auth=("awa", service.key("awa")),
        stream=True,
    )
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    answer.encoding = "utf-8"
    event = next(line for line in answer.iter_lines(decode_unicode=True) if line.startswith("data:"))
    assert json.loads(event[5:])["data"] == "ŋ\u2028ɗ\n"  # one line for the client, though it cuts at U+2028
    answer.close()
    listing = service.api("awa", "ListKernelSessionOutput", where)[1]
    assert (listing["files"], listing["log"]) == ([], "")

    cancelled = requests.post(
        f"{service.url}/admin/cancel", auth=service.owner, json={"owner": "awa", "slug": "slow-kernel"}
    )
    assert cancelled.json()["status"] == "CANCEL_REQUESTED"
    assert service.wait("awa", "awa/slow-kernel") == "CANCEL_ACKNOWLEDGED"
    reader.join(timeout=30)
    assert b"data: END_OF_LOG" in received[0]
    listing = service.api("awa", "ListKernelSessionOutput", where)[1]
    assert [file["fileName"] for file in listing["files"]] == ["early.txt"]
    done = requests.get(
        f"{service.url}/api/v1/kernels/logs/stream/awa/slow-kernel?versionLabel=v1", auth=("awa", service.key("awa"))
    )
    assert done.headers["Content-Type"] == "application/json; charset=utf-8"
    assert done.json() == json.loads(listing["log"])


def test_outputs_are_paged_and_downloads_go_on_where_they_broke(service: Service) -> None:
    push(service, "paged-kernel", "for n in range(5): open(f'{n}.bin', 'wb').write(bytes(range(100)))")
    service.wait("awa", "awa/paged-kernel")
    where: dict[str, Any] = {"userName": "awa", "kernelSlug": "paged-kernel", "pageSize": 2}
    seen, token = [], ""
    while True:
        page = service.api("awa", "ListKernelSessionOutput", {**where, "pageToken": token})[1]
        seen += [file["fileName"] for file in page["files"]]
        url, token = page["files"][-1]["url"], page["nextPageToken"]
        if not token:
            break
    assert seen == [f"{n}.bin" for n in range(5)]
    assert service.api("awa", "ListKernelSessionOutput", {**where, "pageToken": "nonsense"})[0] == 400

    whole = requests.get(url)
    assert whole.content == bytes(range(100))
    assert (whole.headers["Content-Length"], whole.headers["Accept-Ranges"]) == ("100", "bytes")
    assert whole.headers["Content-Security-Policy"].startswith("sandbox")
    rest = requests.get(url, headers={"Range": "bytes=60-", "If-Range": whole.headers["ETag"]})
    assert (rest.status_code, rest.content) == (206, bytes(range(60, 100)))
    assert rest.headers["Content-Range"] == "bytes 60-99/100"
    assert requests.get(url, headers={"Range": "bytes=60-", "If-Range": '"other"'}).status_code == 200
    assert requests.get(url.replace("4.bin", "3.bin")).status_code == 403  # the signature is for one file
    assert requests.get(url.replace("4.bin", "%2e%2e/log.jsonl")).status_code == 403

    fields = {"ownerSlug": "awa", "kernelSlug": "paged-kernel", "versionNumber": 1, "filePath": "2.bin"}
    moved = requests.post(
        f"{service.url}/api/v1/kernels.KernelsApiService/DownloadKernelOutput",
        json=fields,
        auth=("awa", service.key("awa")),
        allow_redirects=False,
    )
    assert moved.status_code == 302
    assert moved.headers["Location"].endswith("/2.bin")


def test_it_is_a_proxy_for_itself_only(service: Service) -> None:
    hello = b"api/v1/api.v1.DiagnosticsService/Hello HTTP/1.1\r\n"
    rest = b"Host: x\r\nAuthorization: Bearer token-of-awa\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    for authority, code in (
        (b"localhost", 200),
        (b"LOCALHOST:80", 200),
        (b"127.0.0.1:%d" % service.port, 200),
        (b"localhost:8080", 403),
        (b"www.kaggle.com", 403),
        (b"awa@localhost", 400),
    ):
        answer = raw(service, b"POST http://" + authority + b"/" + hello + rest)
        assert answer.startswith(b"HTTP/1.1 %d " % code), (authority, answer)
    connect = raw(service, b"CONNECT www.kaggle.com:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert connect.startswith(b"HTTP/1.1 405 ")


def test_other_names_for_loopback_are_not_answered(service: Service) -> None:
    """A web page whose name resolves to 127.0.0.1 must not read the pages that need no login."""
    assert requests.get(service.url, headers={"Host": "evil.example"}).status_code == 421
    assert requests.get(service.url, headers={"Host": "localhost"}).status_code == 200


def test_no_web_page_elsewhere_can_push(service: Service) -> None:
    """A form on any site can post to this machine, with an account of its own making where people may sign up."""
    where = f"{service.url}/api/v1/kernels.KernelsApiService/SaveKernel"
    for origin, code in (("https://evil.example", 403), ("null", 403), (service.url, 200)):
        fields = {"slug": "awa/form-kernel", "text": "1", "language": "python", "kernelType": "script"}
        answer = requests.post(where, json=fields, auth=("awa", service.key("awa")), headers={"Origin": origin})
        assert answer.status_code == code, origin


def test_odd_numbers_are_a_400(service: Service) -> None:
    for number in ("²", "9999999999999999999", "--5", 2**70, 1.5, True, []):
        code, _ = service.api("awa", "ListKernels", {"group": "PROFILE", "pageSize": number})
        assert code == 400, number
        assert service.api("awa", "CancelKernelSession", {"kernelSessionId": number})[0] == 400, number


def test_pages_show_the_run_and_escape_what_users_wrote(service: Service) -> None:
    text = "print('<script>alert(1)</script> ŋ'); open('<b>.txt', 'w').write('x')"
    _, pushed = push(service, "page-kernel", text, newTitle="Page <kernel>")
    service.wait("awa", pushed["ref"])
    assert requests.get(pushed["url"]).status_code == 404  # private, and no key was shown
    assert pushed["ref"] not in requests.get(service.url).text
    status = subprocess.run(
        [str(BIN / "sahel-nb"), "local", "status", "--json", "--data", str(service.data)], capture_output=True
    )
    browser = requests.Session()
    assert pushed["ref"] in browser.get(json.loads(status.stdout)["pages"]).text
    page = browser.get(pushed["url"])
    assert "COMPLETE" in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; ŋ" in page.text
    assert "&lt;b&gt;.txt" in page.text
    assert "<script" not in page.text
    assert browser.get(f"{service.url}/code/awa/no-such-kernel").status_code == 404
    assert requests.get(f"{service.url}/?key=wrong").history == []


def test_a_kernel_with_internet_sees_no_private_page(service: Service) -> None:
    """Where it has a network of its own it does not reach the service; elsewhere it does, as its owner's browser."""
    push(service, "secret-kernel", "print(1)")
    look = (
        "import urllib.request\n"
        f"try:\n    print(urllib.request.urlopen('{service.url}', timeout=5).read().decode())\n"
        "except OSError as exc:\n    print('not reached:', exc)\n"
    )
    assert push(service, "spying-kernel", look, user="binta", slug="binta/spying-kernel")[0] == 200
    assert service.wait("binta", "binta/spying-kernel") == "COMPLETE"
    where = {"userName": "binta", "kernelSlug": "spying-kernel"}
    log = service.api("binta", "ListKernelSessionOutput", where)[1]["log"]
    assert "embedded Kaggle-compatible service" in log or "not reached: " in log
    assert "secret-kernel" not in log


def test_the_admin_is_the_owner_and_sees_everything(service: Service) -> None:
    assert "awa" in requests.get(f"{service.url}/admin/state", auth=service.owner).json()["accounts"]
    bearer = {"Authorization": f"Bearer {service.owner[1]}"}
    assert requests.get(f"{service.url}/admin/faults", headers=bearer).status_code == 200
    wrong = ("", "Bearer", "Bearer token-of-awa", "Basic", "Basic !", "Bearer \xe9", "Basic b3duZXI6")
    for given in (*({"Authorization": value.encode("latin-1")} for value in wrong), {}):
        assert requests.get(f"{service.url}/admin/state", headers=given).status_code == 401, given
        assert requests.post(f"{service.url}/admin/cancel", json={"session": 1}, headers=given).status_code == 401
    assert requests.get(f"{service.url}/admin/state", auth=("awa", service.key("awa"))).status_code == 401


def test_unknown_accounts_are_turned_away_but_by_the_key_of_the_folder(service: Service) -> None:
    hello = f"{service.url}/api/v1/api.v1.DiagnosticsService/Hello"
    own = (service.data / "key").read_text()
    assert requests.post(hello, json={}, auth=("newcomer", "first")).status_code == 401
    assert requests.post(hello, json={}, auth=("Newcomer", own)).json() == {"userName": "newcomer"}
    assert requests.post(hello, json={}, auth=("awa", own)).json() == {"userName": "awa"}
    assert requests.post(hello, json={}, auth=("newcomer", "second")).status_code == 401
    assert requests.post(hello, json={}, auth=("awa", "wrong")).status_code == 401
    assert requests.post(hello, json={}, auth=("no/name", "key")).status_code == 401


def test_the_client_accepts_a_token_and_ignores_a_bad_one(service: Service) -> None:
    assert push(service, "token-kernel", "print(1)")[0] == 200
    good = service.kaggle("awa", "kernels", "list", "--mine", token="token-of-awa")
    assert "awa/token-kernel" in good.stdout
    bad = service.kaggle("awa", "kernels", "list", "--mine", token="worthless", check=False)
    assert bad.returncode == 1
    assert "Traceback" not in bad.stderr


def test_an_upload_states_how_far_it_is(service: Service) -> None:
    _, started = service.api("awa", "StartBlobUpload", {"name": "a.txt", "contentLength": 10}, "blobs.BlobApiService")
    url = started["createUrl"]

    def put(data: bytes, content_range: str) -> tuple[int, str]:
        answer = requests.put(url, data=data, headers={"Content-Range": content_range} if content_range else {})
        return answer.status_code, answer.headers.get("Range", "")

    assert put(b"", "bytes */10") == (308, "")
    assert put(b"01234", "bytes 0-4/10") == (308, "bytes=0-4")
    assert put(b"89", "bytes 8-9/10") == (308, "bytes=0-4")  # a gap is not written
    assert put(b"3456", "bytes 3-6/10") == (308, "bytes=0-6")
    assert put(b"7", "bytes 7-7/11") == (400, "")
    assert put(b"789", "bytes 7-9/10") == (200, "")
    assert put(b"overwritten", "") == (200, "")  # complete is complete
    assert requests.put(f"{service.url}/uploads/unknown", data=b"x").status_code == 404
    _, started = service.api("awa", "StartBlobUpload", {"name": "b.txt", "contentLength": 4}, "blobs.BlobApiService")
    url = started["createUrl"]
    assert put(b"a file that has grown", "") == (400, "")
    assert put(b"", "bytes */4") == (308, "")  # its first 4 bytes are not the file
    assert service.api("awa", "StartBlobUpload", {"name": "../x", "contentLength": 1}, "blobs.BlobApiService")[0] == 400


def test_pieces_of_one_upload_wait_for_each_other(service: Service) -> None:
    """Three senders at once: the third comes when the first is done and the second is in the middle of its piece."""
    _, started = service.api("awa", "StartBlobUpload", {"name": "c.txt", "contentLength": 10}, "blobs.BlobApiService")
    path = started["createUrl"].removeprefix(service.url)

    def sender(content_range: str, length: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", service.port), timeout=20)
        head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n"
        connection.sendall(f"{head}Content-Range: {content_range}\r\n\r\n".encode())
        return connection

    with sender("bytes 0-4/10", 5) as first, sender("bytes 5-9/10", 5) as second:
        first.sendall(b"01234")
        assert first.recv(1000).startswith(b"HTTP/1.1 308 ")
        with sender("bytes 0-9/10", 10) as third:
            third.sendall(b"abcdefghij")
            assert select.select([third], [], [], 0.3)[0] == [], "it does not overtake"
            second.sendall(b"56789")
            assert second.recv(1000).startswith(b"HTTP/1.1 200 ")
            assert third.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert (service.data / "uploads" / started["token"]).read_bytes() == b"0123456789"


def test_no_key_stands_where_others_can_read_it(service: Service) -> None:
    """Not in the command line, which `ps` shows to everybody, and not in the data folder."""
    assert service.api("awa", "ListKernels", {"group": "PROFILE"})[0] == 200
    assert service.key("awa") not in " ".join(psutil.Process(service.pid).cmdline())
    stored = [path for path in service.data.rglob("*") if path.is_file()]
    assert not [path for path in stored if service.key("awa").encode() in path.read_bytes()]
    assert [path for path in (service.data, *service.data.iterdir()) if path.stat().st_mode & 0o077] == []


def test_versions_run_beside_each_other_and_status_means_the_latest(service: Service) -> None:
    push(service, "twice-kernel", "import time; time.sleep(60)")
    service.wait("awa", "awa/twice-kernel", until=("RUNNING",))
    push(service, "twice-kernel", "print('second')")
    assert service.wait("awa", "awa/twice-kernel") == "COMPLETE"
    assert service.wait("awa", "awa/twice-kernel", version="v1", until=("RUNNING",)) == "RUNNING"
    code, _ = service.api("awa", "DeleteKernel", {"userName": "awa", "kernelSlug": "twice-kernel"})
    assert code == 200, service.stderr

    def forgotten() -> bool:
        state = requests.get(f"{service.url}/admin/state", auth=service.owner).json()
        known = {str(v["session"]) for kernel in state["kernels"] for v in kernel["versions"]}
        return {home.name for home in (service.data / "runs").iterdir()} <= known

    wait_until(forgotten, "the deleted kernel's runs to be gone")

"""Run the service until a signal ends it: bind, announce, serve, stop the runs, say so in the store."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sahel_nb.errors import UsageError
from sahel_nb.localkaggle import app as application
from sahel_nb.localkaggle import housekeeping
from sahel_nb.localkaggle.authority import Own
from sahel_nb.localkaggle.executor import isolation
from sahel_nb.localkaggle.executor.api_access import ApiAccess
from sahel_nb.localkaggle.executor.launch import launch, read_result
from sahel_nb.localkaggle.executor.resources import GIB, Resources
from sahel_nb.localkaggle.folder import DataFolder
from sahel_nb.localkaggle.instance import Endpoint, Instance
from sahel_nb.localkaggle.names import Ref
from sahel_nb.localkaggle.run_tokens import RunTokens
from sahel_nb.localkaggle.scheduler import Scheduler
from sahel_nb.localkaggle.service import Options, Service
from sahel_nb.localkaggle.store import accounts
from sahel_nb.localkaggle.store.database import Database


@dataclass(frozen=True)
class Plan:
    """What the command line asks for."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    users: tuple[tuple[str, str], ...] = ()
    tokens: tuple[tuple[str, str], ...] = ()
    collaborators: tuple[tuple[Ref, str], ...] = ()
    workers: int = 0
    resources: Resources = field(default_factory=Resources.of_this_machine)
    options: Options = field(default_factory=Options)


def default_workers() -> int:
    return max(2, os.cpu_count() or 1)


def serve(plan: Plan, announce: Callable[[str], None], warn: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `announce` gets the URL, once, when requests are answered.

    Raises `UsageError` for an address that needs `--allow-remote` or cannot be bound, `Refused` for a folder in use.
    """
    if not _is_loopback(plan.host) and not plan.options.allow_remote:
        raise UsageError(
            f"{plan.host} is not a loopback address: others could run code here.",
            hints=(f"sahel-nb local serve --host {plan.host} --allow-remote",),
        )
    os.umask(0o077)
    folder = DataFolder.create(plan.data)
    instance = Instance.take(folder.lock)
    listener = _bind(plan.host, plan.port)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}"
    db = Database(folder.database)
    with db.write() as tx:
        for name, key in plan.users:
            accounts.put(tx, name, key, time.time())
        for token, name in plan.tokens:
            accounts.put_token(tx, token, name, time.time())
        for ref, name in plan.collaborators:
            accounts.add_collaborator(tx, ref, name)
    housekeeping.clean(db, folder)
    workers = plan.workers or default_workers()
    run_tokens = RunTokens()

    @contextlib.contextmanager
    def api_access(version_id: int, account: str) -> Iterator[ApiAccess]:
        allowance = min(plan.resources.disk, shutil.disk_usage(folder.root).free - GIB)
        with run_tokens.issue(version_id, account, max(0, allowance)) as token:
            yield ApiAccess(token, url, server.serve_inside)

    scheduler = Scheduler(db, folder, launch, read_result, workers, plan.resources, api_access)
    service = Service(folder, db, scheduler, plan.options, folder.secret(), folder.key(), url, run_tokens)
    own = Own(shown, port, plan.options.allow_remote)
    isolated = isolation.probe()
    for sentence in isolated.missing:
        warn(sentence)
    here = Endpoint(
        url,
        os.getpid(),
        knows_own_key=True,
        without=isolated.missing,
        open_network=isolated.open_network,
        to_close_network=isolated.to_close_network,
        python=sys.executable,
        runs_callers_python=plan.options.only_own_key,
    )
    scheduler.start()
    server = _Server(
        uvicorn.Config(
            application.build(service, own),
            http=H11Protocol,  # the one implementation that hands absolute-form targets over as they came
            ws="none",
            lifespan="off",
            proxy_headers=False,  # loopback means something here: nobody else says where a request came from
            server_header=False,
            log_config=None,
            access_log=False,
            # Clients that poll every few seconds reuse a connection: closed in the same moment, a push would be lost
            # without its sender knowing.
            timeout_keep_alive=120,
            timeout_graceful_shutdown=5,
        )
    )

    def ready() -> None:
        instance.announce(here)
        announce(url)

    try:
        asyncio.run(_run(server, listener, scheduler, ready))
    finally:
        scheduler.stop()
        db.close()
        instance.release()


class _Server(uvicorn.Server):
    """Also answers on the sockets that runs hand out of their own networks."""

    _loop: asyncio.AbstractEventLoop
    _inside: set[asyncio.Task[None]]

    def attach(self) -> None:
        """Called once, in the loop that serves."""
        self._loop = asyncio.get_running_loop()
        self._inside = set()

    def serve_inside(self, channel: socket.socket) -> None:
        """Serve the listening socket that comes on `channel`, until its other end is closed. From any thread."""

        def start() -> None:
            task = self._loop.create_task(self._serve_inside(channel))
            self._inside.add(task)
            task.add_done_callback(self._inside.discard)

        self._loop.call_soon_threadsafe(start)

    async def _serve_inside(self, channel: socket.socket) -> None:
        with channel:
            channel.setblocking(False)
            await _readable(channel)
            _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
            if not descriptors:
                return
            protocol = functools.partial(
                H11Protocol,
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )
            inside = await self._loop.create_server(protocol, sock=socket.socket(fileno=descriptors[0]))
            try:
                await _readable(channel)  # its end
            finally:
                inside.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises a captured signal again at its end; ours mean: stop in order, exit 0.
        yield


async def _readable(channel: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(channel, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(channel)


async def _run(server: _Server, listener: socket.socket, scheduler: Scheduler, ready: Callable[[], None]) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    server.attach()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    if server.started:
        ready()
        waiting = asyncio.create_task(asked.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        # Runs first, connections after: whoever follows a log reads its end.
        await asyncio.to_thread(scheduler.stop)
        server.should_exit = True
    await serving


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as exc:
        listener.close()
        raise UsageError(f"Cannot listen on {host} port {port}: {exc}") from exc
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

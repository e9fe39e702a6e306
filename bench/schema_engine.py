"""Prisma's own schema engine, asked through `prisma-oracle/schema_engine.mjs`, and a private PostgreSQL for it.

node and npm must be there; the packages are installed into `target/prisma-oracle` on the first run. The server is that of
PGSTEWARD_PG_BIN, else the newest below /usr/lib/postgresql; as root it runs as the user `postgres` or `nobody`.
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import lowering

SCRIPT = lowering.ORACLE / "schema_engine.mjs"


class EngineError(Exception):
    """What the engine answered in place of a result."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error.get("code")


class SchemaEngine:
    """One process of node."""

    def __init__(self):
        if not shutil.which("node") or not shutil.which("npm"):
            raise SystemExit("Prisma's schema engine needs node and npm")
        lowering.install()
        command = ["node", "--max-old-space-size=1024", str(SCRIPT), str(lowering.CACHE)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def answer(self, method, **request):
        """The raw answer: {"result": …} or {"error": {"code", "message"}}."""
        self.process.stdin.write(json.dumps({"method": method, **request}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the schema engine ended with {self.process.wait()} at {method}")
        return json.loads(line)

    def ask(self, method, **request):
        answer = self.answer(method, **request)
        if "error" in answer:
            raise EngineError(answer["error"])
        return answer["result"]


class Server:
    """A private PostgreSQL in memory, gone with the block."""

    def __enter__(self):
        given = os.environ.get("PGSTEWARD_PG_BIN")
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not given and not found:
            raise SystemExit("no PostgreSQL: set PGSTEWARD_PG_BIN to the folder of initdb and postgres")
        self.binaries = Path(given) if given else found[-1]
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="pgsteward-bench-", dir=memory if memory.is_dir() else None))
        self.user = None
        if os.getuid() == 0:
            known = {entry.pw_name: entry for entry in pwd.getpwall()}
            self.user = known.get("postgres") or known["nobody"]
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        data = self.folder / "data"
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        # Its segments lie in its own folder, so that nothing is left behind.
        options += " -c full_page_writes=off -c dynamic_shared_memory_type=mmap"
        self._run("pg_ctl", "-D", data, "-o", options, "-l", self.folder / "log", "-w", "start")
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)

    def _run(self, program, *arguments):
        ids = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        command = [str(self.binaries / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **ids)
        if done.returncode:
            raise SystemExit(f"{program} ended with {done.returncode}: {done.stderr[-2000:]}")

    def url(self, database="postgres"):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

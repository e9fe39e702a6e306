#!/usr/bin/env python3
"""The schema engine as Prisma's command line starts it, from the engine that the npm packages ship as WebAssembly.

    PRISMA_SCHEMA_ENGINE_BINARY=…/native_engine.py npx prisma migrate …

The native program is not in any npm package. This one answers the same questions, JSON-RPC a line, by passing them to
`schema_engine.mjs`; `cli can-connect-to-database` and `cli create-database` go through psql. What differs from the native
engine stands in `schema_engine.mjs`; words of connection errors are only like Prisma's, their codes are the same.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import schema_engine  # noqa: E402

RPC_ERROR = 4466
SIGNS = [
    ("P1003", "does not exist"),
    ("P1000", "authentication failed"),
    ("P1001", ""),
]


def without_parameters(url, database=None):
    parts = urlsplit(url)
    path = parts.path if database is None else f"/{database}"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def psql(url, sql):
    return subprocess.run(["psql", "-qXAt", "-c", sql, url], capture_output=True, text=True)


def fail(code, message):
    """As the native engine logs it: the command line drops the first line."""
    fields = {"error_code": code, "message": message.strip()}
    record = {"level": "ERROR", "target": "schema_engine::logger", "fields": fields}
    print("\n" + json.dumps(record), file=sys.stderr)
    raise SystemExit(1)


def command(name, url):
    if name == "can-connect-to-database":
        done = psql(without_parameters(url), "SELECT 1")
        if done.returncode:
            fail(next(code for code, sign in SIGNS if sign in done.stderr), done.stderr)
    elif name == "create-database":
        database = urlsplit(url).path.removeprefix("/")
        done = psql(without_parameters(url, "postgres"), f'CREATE DATABASE "{database}"')
        if done.returncode:
            fail("P1014", done.stderr)
    else:
        fail("P1017", f"there is no command {name}")


def serve(options):
    """Answers until standard input ends. Texts that the engine would print are requests to the command line."""
    url = json.loads(options.datasource or "{}").get("url")
    namespace = parse_qs(urlsplit(url).query).get("schema", [None])[0] if url else None
    texts = {path: Path(path).read_text() for path in options.datamodels}
    with schema_engine.SchemaEngine() as engine:
        for line in sys.stdin:
            asked = json.loads(line)
            if "method" not in asked:
                continue  # The command line has printed.
            request = {"parameters": asked.get("params") or {}}
            if url:
                request |= {"url": url, "namespace": namespace}
            if texts:
                request["schema"] = texts
            answer = engine.answer(asked["method"], **request)
            if asked["method"] == "diff" and (answer.get("result") or {}).get("stdout"):
                write({"id": 1, "method": "print", "params": {"content": answer["result"]["stdout"].removesuffix("\n")}})
            if "error" in answer:
                error = answer["error"]
                data = {"is_panic": False, "message": error["message"], "meta": error.get("meta"), "error_code": error.get("code")}
                write({"id": asked["id"], "error": {"code": RPC_ERROR, "message": "An error happened. Check the data field.", "data": data}})
            else:
                write({"id": asked["id"], "result": answer["result"] if answer["result"] is not None else {}})


def write(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--datamodels", action="append", default=[])
    arguments.add_argument("--datasource")
    arguments.add_argument("--enabled-preview-features")
    arguments.add_argument("--extension-types")
    arguments.add_argument("--version", action="store_true")
    arguments.add_argument("cli", nargs="*")
    options = arguments.parse_args()
    if options.version:
        print("schema-engine-cli of @prisma/schema-engine-wasm")
    elif options.cli:
        command(options.cli[1], json.loads(options.datasource)["url"])
    else:
        serve(options)


main()

"""How much of real code is understood, and how fast it is read.

Two things are timed. *Code alone* is `crates/engine/examples/code.rs`: it finds, reads, resolves and lowers the code and lets
the rules about code judge it, which is what the target speaks of. *Whole command* is `pgsteward check --select code`, which also
replays the history of migrations and writes the report. Both are CPU seconds of whole processes, taken in turns.

Megabytes in a second are as much of the machine as of the program, so a yardstick is timed in the same turns:
`crates/typescript/examples/parse.rs` parses the same files with oxc and does nothing else.

PGSTEWARD_SOURCES names a folder with one checkout for each project (the repositories and commits of the corpus stand in
the SOURCE file of each). Nothing of them is part of this repository; without them the section says that it was not measured.
"""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import corpus
import measure
from table import Table, verdict

FLAGS = ["--no-lab", "--prove", "none", "--select", "code", "--format", "json", "--quiet"]
RUNS = 3
UNDERSTOOD = 0.90
COLD, WARM = 40, 400
"""Megabytes per second and core."""
EXTENSIONS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
LEFT_OUT = {".git", "node_modules"}
MEMORY = 381
"""MiB, which are 400 MB."""


def command(folder):
    return [str(corpus.BINARY), "check", str(folder), *FLAGS]


COUNTS = re.compile(r" files, (\d+) calls, (\d+) understood,")
REASON = re.compile(r"  (\d+) not understood: (.*)")


def asked(folder):
    """What all code asks, tests included: calls, those understood, and the others by reason."""
    program = [str(corpus.CODE), str(folder), "--tests", "--no-cache", "--no-rules"]
    text = subprocess.run(program, capture_output=True, check=True, text=True).stdout
    reasons = {}
    for number, reason in REASON.findall(text):
        reasons[reason] = reasons.get(reason, 0) + int(number)
    calls, understood = (sum(map(int, column)) for column in zip(*COUNTS.findall(text)))
    return calls, understood, reasons


def review(folder, environment):
    result = subprocess.run(command(folder), capture_output=True, env=environment)
    if result.returncode not in (0, 1):
        raise SystemExit(f"check of {folder} ended with {result.returncode}: {result.stderr.decode()[-400:]}")
    return json.loads(result.stdout)["project"]["code"]


def cold(program, cache):
    """The program with its cache emptied first."""
    empty = 'rm -rf "$XDG_CACHE_HOME"/*; exec "$@"'
    return ["env", f"XDG_CACHE_HOME={cache}", "sh", "-c", empty, "sh", *program]


def seconds(folder):
    """The counts of the code, and CPU seconds: code alone and the whole command, each with an empty cache and with a full one.
    Medians of runs in turns. Each program has a cache of its own, as one build does not read what another one keeps."""
    with tempfile.TemporaryDirectory() as alone, tempfile.TemporaryDirectory() as whole:
        counts = review(folder, {**os.environ, "XDG_CACHE_HOME": whole})
        programs = [([str(corpus.CODE), str(folder)], alone), (command(folder), whole)]
        emptied = measure.medians([cold(program, cache) for program, cache in programs], "cpu", RUNS)
        filled = measure.medians([["env", f"XDG_CACHE_HOME={cache}", *program] for program, cache in programs], "cpu", RUNS)
    return counts, [emptied[0], filled[0], emptied[1], filled[1]]


def listed(folder):
    """The files of code below a folder, a line each."""
    found = []
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        found += [os.path.join(path, name) for name in files if name.endswith(EXTENSIONS)]
    return sorted(path for path in found if not os.path.islink(path))


def against_parsing(folder):
    """CPU seconds of reading all code below a folder with nothing cached, and of parsing these files and nothing else; the
    megabytes of the latter."""
    with tempfile.TemporaryDirectory() as kept, tempfile.NamedTemporaryFile("w") as names:
        files = listed(folder)
        names.writelines(f"{path}\n" for path in files)
        names.flush()
        parse = ["sh", "-c", 'exec "$0" < "$1"', str(corpus.PARSE), names.name]
        took = measure.medians([cold([str(corpus.CODE), str(folder)], kept), parse], "cpu", RUNS)
    return *took, sum(os.path.getsize(path) for path in files) / 1e6


def cold_peak(folder):
    """Peak memory in MiB with nothing cached."""
    with tempfile.TemporaryDirectory() as cache:
        return measure.peak_mib(["env", f"XDG_CACHE_HOME={cache}", *command(folder)])


def cells(row):
    files, megabytes, calls, understood, own, own_understood, *spent = row
    shares = [calls, f"{understood / max(calls, 1):.1%}", own, f"{own_understood / max(own, 1):.1%}"]
    return [files, f"{megabytes:.1f}", *shares, *(f"{megabytes / took:.0f}" for took in spent)]


def report():
    sources = os.environ.get("PGSTEWARD_SOURCES")
    folders = sorted(path for path in Path(sources).iterdir() if path.is_dir()) if sources else []
    if not folders:
        return ["Not measured: PGSTEWARD_SOURCES names no folder of checkouts."]
    if not (corpus.CODE.exists() and corpus.PARSE.exists()):
        raise SystemExit("build first: cargo xtask bench does")
    kinds = ["code alone, nothing cached", "with the cache", "whole command, nothing cached", "with the cache"]
    table = Table("project", "files", "MB", "calls", "understood", "without tests", "understood", *(f"MB/s and core: {kind}" for kind in kinds))
    reasons, sums, peaks = {}, [0] * 10, []
    for folder in folders:
        counts, spent = seconds(folder)
        if not counts["calls"]:
            continue
        megabytes = counts["bytes"] / 1e6
        calls, understood, unknown = asked(folder)
        own = [counts["calls"], counts["understood"]]
        row = [counts["files"], megabytes, calls, understood, *own, *spent]
        sums = [known + more for known, more in zip(sums, row)]
        for reason, number in unknown.items():
            reasons[reason] = reasons.get(reason, 0) + number
        table.add(folder.name, *cells(row))
        peaks.append((folder.name, counts["files"], cold_peak(folder)))
    table.add("all", *cells(sums))
    files, megabytes, calls, understood, own, own_understood, *spent = sums
    share = understood / max(calls, 1)
    peak = cold_peak(sources)
    targets = Table("what", "figure", "target")
    targets.add("calls understood", f"{share:.1%}", f"at least {UNDERSTOOD:.0%}: {verdict(share >= UNDERSTOOD)}")
    targets.add("the same without tests", f"{own_understood / max(own, 1):.1%}", "")
    for kind, took, least in zip(("nothing cached", "with the cache"), spent[:2], (COLD, WARM)):
        speed = megabytes / took
        targets.add(f"code read, linked and judged, {kind}", f"{speed:.0f} MB/s and core", f"at least {least}: {verdict(speed >= least)}")
    for kind, took in zip(("nothing cached", "with the cache"), spent[2:]):
        targets.add(f"the whole command, {kind}", f"{megabytes / took:.0f} MB/s and core", "")
    ours, parsing, parsed = against_parsing(sources)
    targets.add("the yardstick: the same files parsed with oxc and nothing else", f"{parsed / parsing:.0f} MB/s and core", "")
    targets.add("all in one run, read, linked and judged, nothing cached / parsed and nothing else", f"{ours / parsing:.2f}", "")
    name, count, most = max(peaks, key=lambda row: row[2])
    targets.add(f"{name}, {count} files, nothing cached, peak memory", f"{most:.0f} MiB", f"at most {MEMORY} MiB (400 MB) for 5,000 files: {verdict(most <= MEMORY)}")
    targets.add(f"all in one check, {files} files, nothing cached, peak memory", f"{peak:.0f} MiB", "")
    lines = [str(table), "", str(targets), "", "| not understood | calls |", "| --- | --- |"]
    lines += [f"| {reason} | {number} |" for reason, number in sorted(reasons.items(), key=lambda item: -item[1])]
    return lines

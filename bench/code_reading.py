"""How much of real code is understood, and how fast it is read.

PGSTEWARD_SOURCES names a folder with one checkout for each project (the repositories and commits of the corpus stand in
the SOURCE file of each). Nothing of them is part of this repository; without them the section says that it was not measured.
"""

import json
import os
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
MEMORY = 381
"""MiB, which are 400 MB."""


def command(folder):
    return [str(corpus.BINARY), "check", str(folder), *FLAGS]


def review(folder, environment):
    result = subprocess.run(command(folder), capture_output=True, env=environment)
    if result.returncode not in (0, 1):
        raise SystemExit(f"check of {folder} ended with {result.returncode}: {result.stderr.decode()[-400:]}")
    return json.loads(result.stdout)["project"]["code"]


def seconds(folder):
    """CPU of a check with an empty cache and with a full one: medians, and the counts of the code."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        counts = review(folder, environment)
        program = ["env", f"XDG_CACHE_HOME={cache}", *command(folder)]
        fresh = ["sh", "-c", 'rm -rf "$XDG_CACHE_HOME"/*; exec "$@"', "sh", *command(folder)]
        cold = measure.medians([["env", f"XDG_CACHE_HOME={cache}", *fresh]], "cpu", RUNS)[0]
        warm = measure.medians([program], "cpu", RUNS)[0]
    return counts, cold, warm


def cold_peak(folder):
    """Peak memory in MiB with nothing cached."""
    with tempfile.TemporaryDirectory() as cache:
        return measure.peak_mib(["env", f"XDG_CACHE_HOME={cache}", *command(folder)])


def report():
    sources = os.environ.get("PGSTEWARD_SOURCES")
    folders = sorted(path for path in Path(sources).iterdir() if path.is_dir()) if sources else []
    if not folders:
        return ["Not measured: PGSTEWARD_SOURCES names no folder of checkouts."]
    table = Table("project", "files", "MB", "calls", "understood", "MB/s and core, nothing cached", "with the cache")
    reasons, sums, peaks = {}, [0, 0, 0, 0, 0.0, 0.0], []
    for folder in folders:
        counts, cold, warm = seconds(folder)
        if not counts["calls"]:
            continue
        megabytes = counts["bytes"] / 1e6
        share = counts["understood"] / counts["calls"]
        row = [counts["files"], megabytes, counts["calls"], counts["understood"], cold, warm]
        sums = [known + more for known, more in zip(sums, row)]
        for entry in counts["not_understood"]:
            reasons[entry["reason"]] = reasons.get(entry["reason"], 0) + entry["calls"]
        cells = [f"{megabytes:.1f}", counts["calls"], f"{share:.1%}", f"{megabytes / cold:.0f}", f"{megabytes / warm:.0f}"]
        table.add(folder.name, counts["files"], *cells)
        peaks.append((folder.name, counts["files"], cold_peak(folder)))
    files, megabytes, calls, understood, cold, warm = sums
    share = understood / max(calls, 1)
    table.add("all", files, f"{megabytes:.1f}", calls, f"{share:.1%}", f"{megabytes / cold:.0f}", f"{megabytes / warm:.0f}")
    peak = cold_peak(sources)
    targets = Table("what", "figure", "target")
    targets.add("calls understood", f"{share:.1%}", f"at least {UNDERSTOOD:.0%}: {verdict(share >= UNDERSTOOD)}")
    for name, spent, least in (("nothing cached", cold, COLD), ("with the cache", warm, WARM)):
        speed = megabytes / spent
        targets.add(f"code read, linked and judged, {name}", f"{speed:.0f} MB/s and core", f"at least {least}: {verdict(speed >= least)}")
    name, count, most = max(peaks, key=lambda row: row[2])
    targets.add(f"{name}, {count} files, nothing cached, peak memory", f"{most:.0f} MiB", f"at most {MEMORY} MiB (400 MB) for 5,000 files: {verdict(most <= MEMORY)}")
    targets.add(f"all in one check, {files} files, nothing cached, peak memory", f"{peak:.0f} MiB", "")
    lines = [str(table), "", str(targets), "", "| not understood | calls |", "| --- | --- |"]
    lines += [f"| {reason} | {number} |" for reason, number in sorted(reasons.items(), key=lambda item: -item[1])]
    return lines

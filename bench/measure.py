"""Time and memory of commands."""

import os
import resource
import statistics
import subprocess
import sys
import time

RUNS = 5


def run(command):
    """Wall seconds, and CPU seconds of the command and all its children; its output is thrown away."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Linters say with 1 that they found something.
    if result.returncode not in (0, 1):
        raise SystemExit(f"{command[0]} ended with {result.returncode}: {result.stderr.decode()[-400:]}")
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def medians(commands, key, runs=RUNS):
    """The median of each command, measured in turn so that a busy moment meets them all; one run first to warm up."""
    samples = [[] for _ in commands]
    for turn in range(runs + 1):
        for command, kept in zip(commands, samples):
            figure = run(command)[key]
            if turn > 0:
                kept.append(figure)
    return [statistics.median(kept) for kept in samples]


LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""
"""A process begins with the peak of the one that forked it, so a small one has to do that."""


def peak_mib(command):
    """Peak resident memory of the process by itself, without its children, in MiB."""
    told = subprocess.run([sys.executable, "-c", LAUNCHER, *command], stdout=subprocess.PIPE, text=True, check=True).stdout
    code, kilobytes = map(int, told.split())
    if code not in (0, 1):
        raise SystemExit(f"{command[0]} ended with {code}")
    return kilobytes / 1024

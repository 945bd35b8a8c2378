"""The child's side of a peer written in Python: the line protocol of serve.mjs, request by request, and the same measuring.

Before it: child.mjs (the parent's side); after it: the peer's own file. Needs numpy.
"""
import base64
import json
import os
import sys
import time

import numpy as np


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def usage():
    """CPU seconds of this process and of the compilers it started, and the most memory it ever held."""
    import resource

    own, started = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = own.ru_utime + own.ru_stime + started.ru_utime + started.ru_stime
    return {"cpuSeconds": seconds, "peakRss": own.ru_maxrss * (1 if sys.platform == "darwin" else 1024)}


def serve(open_model):
    """`open_model(folder, threads)` gives (run, versions): run takes pixels [B, 3, H, W] as a float32 array and gives CLS vectors [B, D]."""
    state = {}

    def run(batch):
        return state["run"](state["pixels"][:batch])

    def open_(folder, threads, pixels, dims, **_):
        state["pixels"] = np.fromfile(pixels, dtype="<f4").reshape(dims)
        start = time.perf_counter()
        state["run"], versions = open_model(folder, threads)
        opened = time.perf_counter()
        run(1)
        first = time.perf_counter()
        return {
            "versions": versions,
            "isa": None,
            "inputs": ["pixels"],
            "loadMs": (opened - start) * 1e3,
            "firstMs": (first - opened) * 1e3,
            "rss": resident_bytes(),
        }

    def vectors(batch, **_):
        values = np.ascontiguousarray(run(batch), dtype="<f4")
        return {"values": base64.b64encode(values.tobytes()).decode("ascii")}

    def time_(batch, calls, ms, **_):
        run(batch)  # untimed: other processes have had the caches since
        times, total = [], 0.0
        while len(times) < calls or total < ms:
            start = time.perf_counter()
            run(batch)
            taken = (time.perf_counter() - start) * 1e3
            total += taken
            times.append(taken / batch)
        return {"times": times}

    requests = {
        "open": open_,
        "vectors": vectors,
        "time": time_,
        "delay": lambda **_: None,  # there is no event loop
        "usage": lambda **_: usage(),
    }

    # What libraries print goes to stderr: stdout is the parent's.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        message = json.loads(line)
        identity, request = message.pop("id"), message.pop("request")
        try:
            answer = {"id": identity, "answer": requests[request](**message)}
        except Exception as error:  # the parent says it and ends
            import traceback

            answer = {"id": identity, "error": f"{error}\n{traceback.format_exc(limit=-4)}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

"""The Python half of check-export.mjs: onnx's checker and onnxruntime on each exported file; a line per fixture, then one for all."""

import json
import struct
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime

# What the graph's outputs are called among the goldens. Where a graph has `tokens`, its last_hidden_state is transformers' own, which no
# golden is of.
AS_GOLDEN = {"last_hidden_state": "tokens", "pooler_output": "pooled", "image_embeds": "pooled"}


def read_safetensors(path):
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[8 + length + begin : 8 + length + end], dtype="<f4")
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def check(job):
    """Compares one file; gives its worst error in proportion to the largest golden value, and how many tensors were compared."""
    # full_check infers every shape; shapes of ONNX Runtime's own operators are unknown to it.
    onnx.checker.check_model(job["path"], full_check=job["standard"])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(job["path"], options, providers=["CPUExecutionProvider"])
    golden = read_safetensors(job["golden"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, {"pixel_values": golden["pixel_values"]})))
    if "tokens" in found:
        found.pop("last_hidden_state", None)
    worst, compared = 0.0, 0
    for name, values in found.items():
        wanted = golden.get(AS_GOLDEN.get(name, name))
        if wanted is None:
            continue
        if values.shape != wanted.shape:
            raise ValueError(f"{name}: {values.shape}, expected {wanted.shape}")
        error = float(numpy.abs(values.astype("f8") - wanted).max() / numpy.abs(wanted).max())
        worst, compared = max(worst, error if error == error else float("inf")), compared + 1
    if compared == 0:
        raise ValueError("nothing to compare")
    if not worst <= job["tolerance"]:
        raise ValueError(f"error {worst:.2e}, allowed {job['tolerance']:.0e}")
    return worst, compared


def main(path, unopened):
    jobs = json.loads(Path(path).read_text())
    kinds = list(dict.fromkeys(job["kind"] for job in jobs))
    rows, failures, tensors, worst = {}, [], 0, 0.0
    for job in jobs:
        try:
            error, compared = check(job)
            tensors, worst = tensors + compared, max(worst, error)
            rows.setdefault(job["name"], []).append(f"{error:.1e}")
        except Exception as error:  # whatever either tool says
            failures.append(f"{job['name']}, {job['kind']}: {error}")
            rows.setdefault(job["name"], []).append("FAILED")
    width = max(map(len, rows), default=4)
    print(" ".join(["fixture".ljust(width), *(kind.rjust(16) for kind in kinds)]))
    for name, cells in rows.items():
        print(" ".join([name.ljust(width), *(cell.rjust(16) for cell in cells)]))
    for failure in failures:
        print(failure)
    print(
        f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}: {len(jobs) - len(failures)} of {len(jobs)} files of {len(rows)} "
        f"fixtures pass, {tensors} tensors, worst error {worst:.1e}; {unopened} fixtures are not for export"
    )
    return 1 if failures or not jobs else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Pillow's Image.resize, timed: one thread, no decoding.

usage: python pillow.py IN.rgb WIDTH HEIGHT OUT_WIDTH OUT_HEIGHT OUT.rgb MILLISECONDS
The resized picture goes to OUT.rgb; one line of JSON: version, least milliseconds of a call, calls, CPU seconds.
"""
import json
import sys
import time

import PIL
from PIL import Image

path, width, height, out_width, out_height, out, budget = sys.argv[1:]
with open(path, "rb") as file:
    image = Image.frombytes("RGB", (int(width), int(height)), file.read())
size, times = (int(out_width), int(out_height)), []
end = time.perf_counter() + float(budget) / 1e3
while len(times) < 3 or time.perf_counter() < end:
    start = time.perf_counter()
    resized = image.resize(size, Image.Resampling.BICUBIC)
    times.append(time.perf_counter() - start)
with open(out, "wb") as file:
    file.write(resized.tobytes())
answer = {"version": PIL.__version__, "ms": min(times) * 1e3, "calls": len(times), "cpuSeconds": time.process_time()}
print(json.dumps(answer))

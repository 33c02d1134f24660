"""What it costs to import the name that a program begins with: run by the interpreter of any contestant.

Imports nothing itself but what an interpreter has loaded anyway, and `json`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time

order = json.loads(sys.argv[1])
start = time.process_time()
importlib.import_module(order["base"])
base = time.process_time()
getattr(importlib.import_module(order["module"]), order["name"])  # may be loaded late
end = time.process_time()
with open("/proc/self/statm", encoding="ascii") as file:
    pages = int(file.read().split()[1])
answer = {
    "import_ms": (end - start) * 1000,
    "over_base_ms": (end - base) * 1000,
    "modules": len(sys.modules),
    "rss_mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
}
print(json.dumps(answer))

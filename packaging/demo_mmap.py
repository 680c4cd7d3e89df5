"""Maps page 0 of a mounted snapshot and compares it with the rows that a llama.cpp state file holds.

usage: demo_mmap.py /mnt/snap/NAME STATE_FILE   (a file with one stream and V not transposed, as a slot save is)
"""

import json
import mmap
import os
import struct
import sys

snapshot, state_path = sys.argv[1:]
manifest = json.load(open(os.path.join(snapshot, "manifest.json")))
layers, tokens = manifest["n_layers"], manifest["page_size_tokens"]
row = manifest["n_heads"] * manifest["head_dim"] * {"f32": 4, "f16": 2, "bf16": 2, "fp8e4m3": 1}[manifest["dtype"]]

with open(os.path.join(snapshot, "pages", "0000"), "rb") as file:
    page = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

# Walk the state file to the K rows: magic, version, tokens, streams, cells with their positions and sequence ids.
state = open(state_path, "rb").read()
count = struct.unpack_from("<I", state, 8)[0]
at = 12 + 4 * count + 4
cells = struct.unpack_from("<I", state, at)[0]
at += 4
for _ in range(cells):
    at += 8 + 4 * struct.unpack_from("<I", state, at + 4)[0]
at += 8
for part, name in enumerate("KV"):
    for layer in range(layers):
        at += 12
        start = (part * layers + layer) * tokens * row
        assert page[start : start + tokens * row] == state[at : at + tokens * row], f"{name} of layer {layer} differs"
        at += cells * row
print(f"page 0: {len(page)} bytes mapped, {tokens} tokens x {layers} layers of K and V equal to the engine's rows")

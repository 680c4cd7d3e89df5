"""Puts a llama.cpp state file together from a mounted snapshot's pages and the bytes that stood around the rows.

usage: demo_assemble.py /mnt/snap/NAME SURROUNDINGS OUT   (V not transposed, all rows of one width, as a slot save is)
"""

import json
import mmap
import os
import struct
import sys

snapshot, surroundings_path, out_path = sys.argv[1:]
manifest = json.load(open(os.path.join(snapshot, "manifest.json")))
tokens, layers = manifest["page_size_tokens"], manifest["n_layers"]
around = open(surroundings_path, "rb").read()
out = open(out_path, "wb")
at = 0
first_page = 0


def copy(size):
    """Copies bytes that are not rows, and returns them."""
    global at
    piece = around[at : at + size]
    at += size
    out.write(piece)
    return piece


def u32():
    return struct.unpack("<I", copy(4))[0]


def pages_of(cells):
    for number in range((cells + tokens - 1) // tokens):
        path = os.path.join(snapshot, "pages", f"{first_page + number:04}")
        with open(path, "rb") as file:
            yield mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


copy(8)  # magic, version
copy(4 * u32())  # the tokens
for _ in range(u32()):  # streams
    cells = u32()
    if cells == 0:
        continue
    for _ in range(cells):
        copy(4)  # position
        copy(4 * u32())  # sequence ids
    copy(8)  # v_transposed, layers
    pages = list(pages_of(cells))
    for part in range(2):
        for layer in range(layers):
            row = struct.unpack("<IQ", copy(12))[1]
            left = cells
            for page in pages:
                start = (part * layers + layer) * tokens * row
                out.write(page[start : start + min(left, tokens) * row])
                left -= tokens
    first_page += len(pages)
out.close()
print(f"assembled {os.path.getsize(out_path)} bytes from {first_page} mapped pages")

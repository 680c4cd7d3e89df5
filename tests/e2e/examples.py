"""The example programs that the public headers and libpfcache(3) show, taken out, built against what is installed, and run.

In a header the program stands in the opening comment, below `// Example:`. It begins with the header itself. A line that
ends with `// prints TEXT` prints a line with that text, and nothing else is printed. A file session.bin of llama.cpp is
where it runs.
"""

import os
import pathlib
import re
import shutil
import subprocess
from dataclasses import dataclass

from conftest import DATA

WARNINGS = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


@dataclass
class Example:
    name: str
    text: str

    def expected(self):
        return "".join(f"{text}\n" for text in re.findall(r"// prints (.*)", self.text))


def of_header(path):
    """The example of a header; empty text when it has none."""
    opening = path.read_text().partition("#pragma once")[0]
    block = opening.partition("\n// Example:\n//\n")[2]
    return Example(path.stem, re.sub(r"^//(   )?", "", block, flags=re.M))


def build(example, compiler, flags, directory):
    """Compiles and links it in a directory of its own, and gives the program. Raises with what the compiler said."""
    directory.mkdir()
    source, program = directory / f"{example.name}.cpp", directory / "program"
    source.write_text(example.text)
    built = subprocess.run([*compiler, *WARNINGS, str(source), "-o", str(program), *flags], capture_output=True, text=True,
                           timeout=300)
    assert built.returncode == 0, built.stderr
    return program


def run(program, library, *args):
    """Runs it where it was built, with the shared library of that directory."""
    directory = pathlib.Path(program).parent
    shutil.copy(DATA / "llama-session-399.bin", directory / "session.bin")
    return subprocess.run([str(program), *args], cwd=directory, env=dict(os.environ, LD_LIBRARY_PATH=str(library)),
                          capture_output=True, text=True, timeout=120)

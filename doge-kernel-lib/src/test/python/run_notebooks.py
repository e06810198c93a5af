"""Executes notebooks from a clean kernel each, top to bottom, in the order given.

Prints "ok NAME (SECONDS s)" or "not ok NAME: REASON" for each; NotebooksTest turns every line into a test.
With --write the outputs are put into the notebooks themselves, which is how those in the repository were made:

    python3 doge-kernel-lib/src/test/python/run_notebooks.py doge-java --write notebooks/0*.ipynb

Arguments: the kernel's name, then notebooks.
"""

import os
import re
import sys
import time

import nbformat
from nbclient import NotebookClient

SECONDS_A_CELL = 1800
# what no committed output may hold: a folder of somebody's machine, a script, another site
FORBIDDEN = re.compile(r"/(?:home|root|work|tmp|Users)/|<script|(?:src|href)=\\?[\"']https?:")


def text_of(output):
    if output["output_type"] == "stream":
        return output["text"]
    if output["output_type"] == "error":
        return "\n".join(output["traceback"])
    return "\n".join(str(form) for form in output["data"].values())


def joined(outputs):
    """The outputs with pieces of one stream in one piece, as Jupyter's own page keeps them."""
    whole = []
    for output in outputs:
        stream = output["output_type"] == "stream"
        if stream and whole and whole[-1].get("name") == output["name"]:
            whole[-1]["text"] += output["text"]
        else:
            whole.append(output)
    return whole


def execute(path, kernel, write):
    notebook = nbformat.read(path, as_version=4)
    folder = os.path.dirname(os.path.abspath(path))
    client = NotebookClient(
        notebook, timeout=SECONDS_A_CELL, kernel_name=kernel, resources={"metadata": {"path": folder}}
    )
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            found = FORBIDDEN.search(text_of(output))
            assert not found, f"an output of {cell.source!r} holds {found.group()!r}: {text_of(output)[:300]!r}"
        if cell.cell_type == "code" and "raises-exception" in cell.metadata.get("tags", []):
            kinds = [output["output_type"] for output in cell.outputs]
            assert "error" in kinds, f"{cell.source!r} should fail, and did not"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    if write:
        with open(path, encoding="utf-8") as file:
            metadata = nbformat.reads(file.read(), as_version=4).metadata
        notebook.metadata = metadata  # the kernel's exact version is the machine's
        nbformat.write(notebook, path)


def main():
    kernel = sys.argv[1]
    write = "--write" in sys.argv
    for path in [argument for argument in sys.argv[2:] if argument != "--write"]:
        name = os.path.splitext(os.path.basename(path))[0]
        start = time.time()
        try:
            execute(path, kernel, write)
            print(f"ok {name} ({time.time() - start:.1f} s)", flush=True)
        except Exception as problem:  # every failure becomes a line
            reason = re.sub(r"\x1b\[[0-9;]*m", "", f"{type(problem).__name__}: {problem}").replace("\n", " | ")
            print(f"not ok {name}: {reason[-2000:]}", flush=True)


main()

"""Runs one cell through nbclient and prints its plain result. Arguments: kernel, source."""

import sys

import nbformat
from nbclient import NotebookClient

notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": sys.argv[1], "display_name": "Java"}})
notebook.cells = [nbformat.v4.new_code_cell(sys.argv[2])]
NotebookClient(notebook, timeout=60).execute()
for output in notebook.cells[0].outputs:
    print(output["data"]["text/plain"])

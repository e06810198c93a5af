/** Display and the functions of a cell; {@code notebook.kernel} is the Jupyter kernel. */
package dev.smalldoge.notebook;

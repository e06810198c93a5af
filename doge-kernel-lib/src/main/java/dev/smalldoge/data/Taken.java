package dev.smalldoge.data;

/**
 * How many rows are taken from one corpus.
 *
 * @param name the corpus
 * @param rows its rows, read again each time they are iterated
 * @param wanted how many; the largest number for each row once
 */
record Taken<T>(String name, Iterable<T> rows, long wanted) {}

package dev.smalldoge.data;

/**
 * What one source gave to a token file.
 *
 * @param name the corpus
 * @param documents how many documents, one after the other in the file
 * @param tokens their tokens, special ones included
 * @param textBytes UTF-8 bytes of the text they were made of
 */
public record SourceShare(String name, long documents, long tokens, long textBytes) {}

package dev.smalldoge.data;

/**
 * What one source gave to a token file.
 *
 * @param name the corpus
 * @param documents how many documents, one after the other in the file
 * @param tokens their tokens, special ones included
 * @param textBytes UTF-8 bytes of the text they were made of
 * @param used documents that one epoch takes from it: more than there are where a mixture repeats
 *     it, whole passes first and then its first documents
 */
public record SourceShare(String name, long documents, long tokens, long textBytes, long used) {
  /** A source of which every document is used once. */
  SourceShare(String name, long documents, long tokens, long textBytes) {
    this(name, documents, tokens, textBytes, documents);
  }
}

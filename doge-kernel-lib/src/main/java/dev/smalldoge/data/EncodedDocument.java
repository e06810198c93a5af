package dev.smalldoge.data;

/**
 * One document as it goes into a token file.
 *
 * @param ids its token ids, special ones included
 * @param trained which of them are learned; null for all
 * @param textBytes UTF-8 bytes of the text it was made of
 */
@SuppressWarnings("ArrayRecordComponent") // passed on once and never compared
record EncodedDocument(int[] ids, boolean[] trained, long textBytes) {}

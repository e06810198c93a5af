/**
 * From files of rows to fixed-length sequences of token ids.
 *
 * <p>A {@link dev.smalldoge.data.Corpus} is a set of files with rows; tokenizing it writes a {@link
 * dev.smalldoge.data.TokenFile}; {@link dev.smalldoge.data.Tokens} packs that into {@link
 * dev.smalldoge.data.Sequences}, which training reads at any position.
 */
package dev.smalldoge.data;

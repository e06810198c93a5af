package dev.smalldoge.data.hub;

/**
 * A file that a repository lists.
 *
 * @param path its path in the repository
 * @param size its bytes
 * @param hash what its content must hash to: SHA-256 in 64 hex digits, or git's SHA-1 in 40
 */
record HubFile(String path, long size, String hash) {}

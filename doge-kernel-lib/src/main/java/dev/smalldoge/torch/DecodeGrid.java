package dev.smalldoge.torch;

/**
 * How a product of a decoding step is shared among blocks.
 *
 * @param columns blocks side by side, which read the same rows
 * @param tiles of 8 rows that a block serves, a power of two
 */
record DecodeGrid(int columns, int tiles) {
  private static final int ROWS_OF_TILE = 8;
  private static final int MOST_TILES = 8;

  /** As many tiles as the rows fill, but no fewer blocks than the device runs at once. */
  static DecodeGrid of(int columns, int rows, int processors) {
    int tiles = MOST_TILES;
    while (tiles > 1
        && (ROWS_OF_TILE * tiles >= 2 * rows
            || 10 * columns * blocks(rows, ROWS_OF_TILE * tiles) < 9 * processors)) {
      tiles /= 2;
    }
    return new DecodeGrid(columns, tiles);
  }

  int rowBlocks(int rows) {
    return blocks(rows, ROWS_OF_TILE * tiles);
  }

  /** Whole tiles for every block. */
  static long paddedRows(int rows) {
    int most = ROWS_OF_TILE * MOST_TILES;
    return (long) blocks(rows, most) * most;
  }

  static int blocks(int count, int ofBlock) {
    return (count + ofBlock - 1) / ofBlock;
  }
}

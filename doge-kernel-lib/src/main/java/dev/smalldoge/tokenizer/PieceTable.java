package dev.smalldoge.tokenizer;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A hash table from byte strings to numbers that takes its keys out of a longer text, without an
 * object for each. For one thread.
 *
 * <p>A slot is four longs: the first eight bytes, the next eight (or a hash of all the rest),
 * length and place in the arena, value. Keys of at most 16 bytes, nearly all, are compared by two
 * longs.
 */
final class PieceTable {
  /** A key: {@code length} bytes of {@code text} from {@code from}, and its value. */
  @FunctionalInterface
  interface Visitor {
    void visit(byte[] text, int from, int length, long value);
  }

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long MIX = 0x9E3779B97F4A7C15L;
  private static final int STRIDE = 4;
  private static final int INLINE = 16;

  private long[] slots;
  private int shift;
  private int size;
  private byte[] arena;
  private int used;

  // of the key that find() looked for
  private long low;
  private long high;
  private int sought;

  PieceTable(int capacity) {
    int bits = 32 - Integer.numberOfLeadingZeros(Math.max(16, capacity) - 1);
    slots = new long[STRIDE << bits];
    shift = 64 - bits;
    arena = new byte[1024];
  }

  private PieceTable(PieceTable other) {
    slots = other.slots.clone();
    shift = other.shift;
    size = other.size;
    arena = other.arena.clone();
    used = other.used;
  }

  /** The same keys and values, to be changed apart. */
  PieceTable copy() {
    return new PieceTable(this);
  }

  /** Number of keys. */
  int size() {
    return size;
  }

  /**
   * The place of a key, or where it would be put.
   *
   * @return for {@link #holds}, {@link #value}, {@link #set} and, at once, {@link #insert}
   */
  int find(byte[] text, int from, int length) {
    low = load(text, from, Math.min(length, 8));
    if (length <= 8) {
      high = 0;
    } else if (length <= INLINE) {
      high = load(text, from + 8, length - 8);
    } else {
      high = hashRest(text, from + 8, length - 8);
    }
    sought = length;
    int mask = slots.length - 1;
    int at = home(low, high, length);
    while (true) {
      long place = slots[at + 2];
      if (place == 0) {
        return at;
      }
      if (slots[at] == low && slots[at + 1] == high && (int) (place >>> 32) == length) {
        int start = (int) place;
        if (length <= INLINE
            || Arrays.equals(text, from, from + length, arena, start, start + length)) {
          return at;
        }
      }
      at = (at + STRIDE) & mask;
    }
  }

  /** The slot at which the search for a key begins. */
  private int home(long low, long high, long length) {
    long hash = ((low ^ Long.rotateLeft(high * MIX, 29)) * MIX + length) * MIX;
    return (int) (hash >>> shift) * STRIDE;
  }

  private static long load(byte[] text, int from, int length) {
    if (from + 8 <= text.length) {
      return length == 8
          ? (long) LONGS.get(text, from)
          : (long) LONGS.get(text, from) & ((1L << (8 * length)) - 1);
    }
    long value = 0;
    for (int i = length - 1; i >= 0; i--) {
      value = value << 8 | (text[from + i] & 0xff);
    }
    return value;
  }

  private static long hashRest(byte[] text, int from, int length) {
    long hash = length;
    for (int i = 0; i < length; i += 8) {
      hash = Long.rotateLeft(hash, 23) ^ load(text, from + i, Math.min(8, length - i)) * MIX;
    }
    return hash;
  }

  /** Whether there is a key at a place that {@link #find} gave. */
  boolean holds(int place) {
    return slots[place + 2] != 0;
  }

  /** The value at a place that holds a key. */
  long value(int place) {
    return slots[place + 3];
  }

  /** Changes the value at a place that holds a key. */
  void set(int place, long value) {
    slots[place + 3] = value;
  }

  /** Puts the key that {@link #find} has just sought in vain, at the place that it gave. */
  void insert(int place, byte[] text, int from, long value) {
    int start = 0;
    if (sought > INLINE) {
      start = used;
      if (arena.length - used < sought) {
        arena = Arrays.copyOf(arena, Math.max(used + sought, 2 * arena.length));
      }
      System.arraycopy(text, from, arena, used, sought);
      used += sought;
    }
    slots[place] = low;
    slots[place + 1] = high;
    slots[place + 2] = (long) sought << 32 | start;
    slots[place + 3] = value;
    if (++size > slots.length / STRIDE / 2) {
      grow();
    }
  }

  private void grow() {
    long[] old = slots;
    slots = new long[2 * old.length];
    shift--;
    int mask = slots.length - 1;
    for (int from = 0; from < old.length; from += STRIDE) {
      if (old[from + 2] == 0) {
        continue;
      }
      int at = home(old[from], old[from + 1], old[from + 2] >>> 32);
      while (slots[at + 2] != 0) {
        at = (at + STRIDE) & mask;
      }
      System.arraycopy(old, from, slots, at, STRIDE);
    }
  }

  /** Tells every key and value, in no order. */
  void forEach(Visitor visitor) {
    byte[] inline = new byte[INLINE];
    for (int at = 0; at < slots.length; at += STRIDE) {
      int length = (int) (slots[at + 2] >>> 32);
      if (slots[at + 2] == 0) {
        continue;
      }
      if (length > INLINE) {
        visitor.visit(arena, (int) slots[at + 2], length, slots[at + 3]);
      } else {
        LONGS.set(inline, 0, slots[at]);
        LONGS.set(inline, 8, slots[at + 1]);
        visitor.visit(inline, 0, length, slots[at + 3]);
      }
    }
  }
}

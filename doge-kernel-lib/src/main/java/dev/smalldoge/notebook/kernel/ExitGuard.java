package dev.smalldoge.notebook.kernel;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.smalldoge.config.DogeException;
import java.nio.ByteBuffer;

/**
 * Keeps {@code System.exit} in a cell from ending the kernel: the cell's class calls {@link #exit}
 * instead.
 *
 * <p>Only the constant pool changes: the reference to {@code System.exit(int)} names this class.
 * What a cell calls in a library is not looked at.
 */
public final class ExitGuard {
  private static final int UTF8 = 1;
  private static final int LONG = 5;
  private static final int DOUBLE = 6;
  private static final int CLASS = 7;
  private static final int METHOD = 10;
  private static final int NAME_AND_TYPE = 12;
  private static final int METHOD_HANDLE = 15;
  private static final int FIRST_ENTRY = 10; // after magic, version, and the number of entries

  private final ByteBuffer code;
  private final int[] at; // where each entry of the constant pool begins
  private final int end;

  private ExitGuard(byte[] bytes) {
    code = ByteBuffer.wrap(bytes);
    at = new int[code.getShort(FIRST_ENTRY - 2) & 0xffff];
    int position = FIRST_ENTRY;
    for (int i = 1; i < at.length; i++) {
      at[i] = position;
      int tag = code.get(position);
      i += tag == LONG || tag == DOUBLE ? 1 : 0; // these take two numbers
      position += 1 + size(tag, position);
    }
    end = position;
  }

  /** Stands in for {@code System.exit}. */
  @SuppressWarnings("DoNotCallSuggester") // whoever calls it wrote System.exit
  public static void exit(int status) {
    throw new DogeException(
        "System.exit("
            + status
            + ") would end the kernel and lose every variable; leave it out, or shut the kernel"
            + " down from Jupyter's Kernel menu");
  }

  /** {@code bytes}, a class file, with its calls of {@code System.exit} led to {@link #exit}. */
  static byte[] rewritten(byte[] bytes) {
    return new ExitGuard(bytes).rewrite(bytes);
  }

  private byte[] rewrite(byte[] bytes) {
    for (int i = 1; i < at.length; i++) {
      if (at[i] > 0 && code.get(at[i]) == METHOD && isExit(at[i])) {
        return withMethodOf(at[i], bytes);
      }
    }
    return bytes;
  }

  private boolean isExit(int method) {
    int nameAndType = at[index(method + 3)];
    return text(index(at[index(method + 1)] + 1)).equals("java/lang/System")
        && text(index(nameAndType + 1)).equals("exit")
        && text(index(nameAndType + 3)).equals("(I)V");
  }

  /** The class with one more class in its constant pool, whose method the entry now is. */
  private byte[] withMethodOf(int method, byte[] bytes) {
    byte[] name = ExitGuard.class.getName().replace('.', '/').getBytes(UTF_8);
    ByteBuffer out = ByteBuffer.allocate(bytes.length + 3 + name.length + 3);
    out.put(bytes, 0, end);
    out.put((byte) UTF8).putShort((short) name.length).put(name);
    out.put((byte) CLASS).putShort((short) at.length);
    out.put(bytes, end, bytes.length - end);
    out.putShort(FIRST_ENTRY - 2, (short) (at.length + 2));
    out.putShort(method + 1, (short) (at.length + 1));
    return out.array();
  }

  private int index(int position) {
    return code.getShort(position) & 0xffff;
  }

  private String text(int entry) {
    int length = index(at[entry] + 1);
    return new String(code.array(), at[entry] + 3, length, UTF_8);
  }

  /** Bytes of an entry after its tag. */
  private int size(int tag, int position) {
    return switch (tag) {
      case UTF8 -> 2 + index(position + 1);
      case LONG, DOUBLE -> 8;
      case CLASS, 8, 16, 19, 20 -> 2; // and a string, a method's type, a module, a package
      case METHOD_HANDLE -> 3;
      case 3, 4, 9, METHOD, 11, NAME_AND_TYPE, 17, 18 -> 4;
      default -> throw new IllegalArgumentException("unknown constant " + tag);
    };
  }
}

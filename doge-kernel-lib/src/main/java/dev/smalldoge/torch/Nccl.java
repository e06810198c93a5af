package dev.smalldoge.torch;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.PointerByReference;
import dev.smalldoge.config.DogeException;

/**
 * The part of NCCL's C interface that data-parallel training needs.
 *
 * <p>Bound through JNA, as the driver's and cuBLAS' calls are, and not through {@code
 * org.bytedeco:cuda}: each release of that binding is built against one CUDA version, while these
 * nine functions fit the NCCL that came with whichever libtorch is loaded.
 *
 * <p>Source: {@code nccl.h}. Each function returns 0, or a code for {@link #ncclGetErrorString}.
 */
interface Nccl extends Library {
  /** ncclFloat32. */
  int FLOAT32 = 7;

  /** ncclSum. */
  int SUM = 0;

  /** What rank 0 makes and all ranks must know: 128 bytes. */
  @FieldOrder("internal")
  class UniqueId extends Structure {
    static final int BYTES = 128;

    // JNA finds the fields of a structure by their being public
    public byte[] internal = new byte[BYTES];

    /** The same, as C passes it to a function. */
    public static final class ByValue extends UniqueId implements Structure.ByValue {}
  }

  int ncclGetUniqueId(UniqueId id);

  int ncclCommInitRank(PointerByReference communicator, int ranks, UniqueId.ByValue id, int rank);

  int ncclAllReduce(
      Pointer from, Pointer to, long count, int type, int op, Pointer communicator, Pointer stream);

  int ncclBroadcast(
      Pointer from,
      Pointer to,
      long count,
      int type,
      int root,
      Pointer communicator,
      Pointer stream);

  int ncclGroupStart();

  int ncclGroupEnd();

  int ncclCommDestroy(Pointer communicator);

  int ncclCommAbort(Pointer communicator);

  String ncclGetErrorString(int code);

  /**
   * Finds NCCL: the file that the environment's {@code DOGE_NCCL} names, else the one that libtorch
   * loaded, else the system's, else the one inside libtorch itself.
   *
   * @throws DogeException if there is none
   */
  static Nccl load() {
    String named = System.getenv("DOGE_NCCL");
    String[] places =
        named == null
            ? new String[] {"libnccl.so.2", "nccl", "libtorch_cuda.so", "torch_cuda"}
            : new String[] {named};
    StringBuilder tried = new StringBuilder();
    for (String place : places) {
      try {
        NativeLibrary.getInstance(place).getFunction("ncclCommInitRank");
        return Native.load(place, Nccl.class);
      } catch (UnsatisfiedLinkError notThere) {
        tried.append(tried.isEmpty() ? "" : ", ").append(place);
      }
    }
    throw new DogeException(
        "NCCL, which several GPUs need, was not found (tried "
            + tried
            + "); install Debian's libnccl2 or NVIDIA's, or set DOGE_NCCL to the path of"
            + " libnccl.so.2, or train with one process");
  }
}

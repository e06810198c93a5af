package dev.smalldoge.torch;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.World;

/**
 * Where tensors live: the CPU, or one GPU.
 *
 * @param index GPU number from 0, or -1 for the CPU
 */
public record Device(int index) {
  /** The CPU. */
  public static final Device CPU = new Device(-1);

  /** Checks the index. */
  public Device {
    check(index >= -1, "device index %d is not known; use 0 for the first GPU", index);
  }

  /** GPU {@code index}, counted from 0. */
  public static Device gpu(int index) {
    check(
        index < Torch.gpuCount(),
        "GPU %d was asked for, but %d can be seen; run Doge.doctor() to learn why, or use"
            + " Device.CPU",
        index,
        Torch.gpuCount());
    return new Device(index);
  }

  /**
   * The first GPU where one can be seen, else the CPU; where several processes of a host train
   * together, that of this process.
   */
  public static Device best() {
    int gpus = Torch.gpuCount();
    return gpus == 0 ? CPU : new Device(World.ofEnvironment().localRank() % gpus);
  }

  /**
   * {@code "cpu"} or {@code "gpu"}, which is this process' own, or {@code "gpu:1"}, as the command
   * line takes it.
   */
  public static Device named(String name) {
    if (name.equals("cpu")) {
      return CPU;
    }
    if (name.equals("gpu")) {
      return best().isGpu() ? best() : gpu(0);
    }
    check(name.matches("gpu:\\d{1,3}"), "device \"%s\" is not known; use cpu, gpu or gpu:1", name);
    return gpu(Integer.parseInt(name.substring(4)));
  }

  /** Whether this is a GPU. */
  public boolean isGpu() {
    return index >= 0;
  }

  int[] code() {
    return isGpu() ? new int[] {1, index} : new int[] {0, -1};
  }

  @Override
  public String toString() {
    return isGpu() ? "gpu:" + index : "cpu";
  }
}

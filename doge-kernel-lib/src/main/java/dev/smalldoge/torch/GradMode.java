package dev.smalldoge.torch;

import ai.djl.pytorch.jni.NativeTorch;

/**
 * Sets whether the calling thread records gradients, until closed. libtorch keeps this per thread
 * and on by default, so every entry point says what it wants.
 */
public final class GradMode implements AutoCloseable {
  private final boolean before;

  private GradMode(boolean on) {
    Torch.load();
    before = NativeTorch.isGradMode();
    NativeTorch.setGradMode(on);
  }

  /** Records gradients until closed. */
  public static GradMode on() {
    return new GradMode(true);
  }

  /** Records nothing until closed. */
  public static GradMode off() {
    return new GradMode(false);
  }

  @Override
  public void close() {
    NativeTorch.setGradMode(before);
  }
}

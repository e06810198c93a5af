package dev.smalldoge.torch;

import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.NativeTorch;
import java.io.ByteArrayInputStream;
import java.util.List;

/**
 * The scripts of this library, loaded on one device, called by name.
 *
 * <p>A call costs about 8 us and 1.5 us an operator, so a script is a whole block of the model.
 */
final class Script {
  private static final ThreadLocal<Boolean> PREPARED = new ThreadLocal<>();

  private final long module;

  /**
   * Loads them.
   *
   * @param choicesOnHost see {@link ScriptArchive#ofResources}
   */
  Script(Device device, boolean choicesOnHost) {
    Torch.load();
    module =
        NativeTorch.loadModule(
            new ByteArrayInputStream(ScriptArchive.ofResources(choicesOnHost)), device.code());
  }

  String[] methodNames() {
    return NativeTorch.methodNames(module);
  }

  /** Calls a script whose result is one tensor. */
  Tensor call(String name, Object... arguments) {
    long result = run(name, arguments);
    try {
      return new Tensor(NativeTorch.toTensor(result));
    } finally {
      NativeTorch.deleteValue(result);
    }
  }

  /** Calls a script whose result is a tuple of tensors. */
  Tensor[] callTuple(String name, Object... arguments) {
    long result = run(name, arguments);
    try {
      long[] parts = NativeTorch.toTuple(result);
      Tensor[] tensors = new Tensor[parts.length];
      for (int i = 0; i < parts.length; i++) {
        tensors[i] = new Tensor(NativeTorch.toTensor(parts[i]));
        NativeTorch.deleteValue(parts[i]);
      }
      return tensors;
    } finally {
      NativeTorch.deleteValue(result);
    }
  }

  /** Calls a script whose result only other scripts read; the caller deletes it. */
  long callOpaque(String name, Object... arguments) {
    return run(name, arguments);
  }

  private long run(String name, Object... arguments) {
    if (PREPARED.get() == null) {
      // Per thread, and before a method's first run: plain eager autograd, with no pause of
      // seconds for each new shape.
      JniUtils.setGraphExecutorOptimize(false);
      PREPARED.set(true);
    }
    long[] values = new long[arguments.length];
    try {
      for (int i = 0; i < arguments.length; i++) {
        values[i] = value(arguments[i]);
      }
      return NativeTorch.runMethod(module, name, values);
    } catch (EngineException e) {
      throw TorchErrors.explain(name, e);
    } finally {
      for (int i = 0; i < values.length; i++) {
        if (values[i] != 0 && !(arguments[i] instanceof PackedMatrices)) {
          NativeTorch.deleteValue(values[i]);
        }
      }
    }
  }

  private static long value(Object argument) {
    if (argument instanceof Tensor tensor) {
      return NativeTorch.fromTensor(tensor.handle());
    }
    if (argument instanceof List<?> tensors) {
      long[] handles = new long[tensors.size()];
      for (int i = 0; i < handles.length; i++) {
        handles[i] = ((Tensor) tensors.get(i)).handle();
      }
      return NativeTorch.fromTensors(handles);
    }
    if (argument instanceof PackedMatrices packed) {
      return packed.handle();
    }
    if (argument instanceof Integer number) {
      return NativeTorch.fromLong(number);
    }
    if (argument instanceof Long number) {
      return NativeTorch.fromLong(number);
    }
    if (argument instanceof long[] numbers) {
      return NativeTorch.fromLongs(numbers);
    }
    if (argument instanceof Double number) {
      return NativeTorch.fromDouble(number);
    }
    if (argument instanceof Boolean flag) {
      return NativeTorch.fromBool(flag);
    }
    throw new IllegalArgumentException("no script argument: " + argument.getClass());
  }
}

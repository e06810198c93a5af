package dev.smalldoge.notebook;

import dev.smalldoge.notebook.display.DisplayHost;
import dev.smalldoge.notebook.display.Displays;
import dev.smalldoge.notebook.display.Rendering;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * A stock IJava or JJava kernel as a host of our displays.
 *
 * <p>Both are of one family, with the same methods under other packages. Reflection reaches either,
 * so that this library needs neither to be compiled or to run.
 */
final class HostKernel implements DisplayHost {
  private static final String[][] HOSTS = {
    {"io.github.spencerpark.ijava.IJava", "getKernelInstance"},
    {"org.dflib.jjava.jupyter.kernel.BaseKernel", "notebookKernel"},
  };

  private final Object kernel;
  private final Class<?> displayData;

  private HostKernel(Object kernel) throws ReflectiveOperationException {
    this.kernel = kernel;
    displayData = method(kernel, "display", 1).getParameterTypes()[0];
  }

  /** Shows every value in the host kernel that runs this code; false if there is none. */
  static boolean attach() {
    for (String[] host : HOSTS) {
      try {
        Object kernel = find(host[0], host[1]);
        if (kernel != null) {
          HostKernel found = new HostKernel(kernel);
          found.registerRenderer();
          Displays.attach(found);
          return true;
        }
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(host[0] + " is not as this library knows it", e);
      }
    }
    return false;
  }

  private static Object find(String type, String method) throws ReflectiveOperationException {
    try {
      return Class.forName(type, true, HostKernel.class.getClassLoader())
          .getMethod(method)
          .invoke(null);
    } catch (ClassNotFoundException e) {
      return null; // another host
    }
  }

  /** Lets the host render any object as {@link Displays} does, unless it knows its type better. */
  private void registerRenderer() throws ReflectiveOperationException {
    Object renderer = call(kernel, "getRenderer");
    Object registration =
        method(renderer, "createRegistration", 1).invoke(renderer, (Object) Object.class);
    registration
        .getClass()
        .getMethod("preferring", String[].class)
        .invoke(
            registration, (Object) new String[] {Rendering.TEXT, Rendering.HTML, Rendering.PNG});
    Method register = method(registration, "register", 1);
    Class<?> function = register.getParameterTypes()[0];
    Object ours =
        Proxy.newProxyInstance(
            function.getClassLoader(),
            new Class<?>[] {function},
            (proxy, called, arguments) -> {
              if (called.getName().equals("render")) {
                put(call(arguments[1], "getOutputContainer"), Displays.render(arguments[0]));
                return null;
              }
              return called.getName().equals("equals")
                  ? proxy == arguments[0]
                  : called.getName().equals("hashCode") ? System.identityHashCode(proxy) : "doge";
            });
    register.invoke(registration, ours);
  }

  @Override
  public void show(String id, Rendering rendering) {
    try {
      method(kernel, "display", 1).invoke(kernel, data(id, rendering));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the host kernel cannot display", e);
    }
  }

  @Override
  public void update(String id, Rendering rendering) {
    try {
      Object io = call(kernel, "getIO");
      Object stream = io.getClass().getField("display").get(io);
      stream.getClass().getMethod("updateDisplay", displayData).invoke(stream, data(id, rendering));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the host kernel cannot update a display", e);
    }
  }

  @Override
  public boolean isRich() {
    return true;
  }

  private Object data(String id, Rendering rendering) throws ReflectiveOperationException {
    Object data = displayData.getConstructor().newInstance();
    put(data, rendering);
    method(data, "setDisplayId", 1).invoke(data, id);
    return data;
  }

  private static void put(Object data, Rendering rendering) throws ReflectiveOperationException {
    Method put = data.getClass().getMethod("putData", String.class, Object.class);
    for (var form : rendering.data().entrySet()) {
      put.invoke(data, form.getKey(), form.getValue());
    }
  }

  private static Object call(Object object, String name) throws ReflectiveOperationException {
    return method(object, name, 0).invoke(object);
  }

  private static Method method(Object object, String name, int parameters)
      throws NoSuchMethodException {
    for (Method method : object.getClass().getMethods()) {
      if (method.getName().equals(name) && method.getParameterCount() == parameters) {
        return method;
      }
    }
    throw new NoSuchMethodException(object.getClass().getName() + "." + name);
  }
}

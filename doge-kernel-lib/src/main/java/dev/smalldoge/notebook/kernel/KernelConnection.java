package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.channels.JupyterConnection;
import io.github.spencerpark.jupyter.channels.StdinChannel;
import io.github.spencerpark.jupyter.kernel.KernelConnectionProperties;
import java.security.GeneralSecurityException;

/**
 * A connection that lets the kernel read from the notebook's input box, and that a browser can come
 * back to.
 */
final class KernelConnection extends JupyterConnection {
  KernelConnection(KernelConnectionProperties properties) throws GeneralSecurityException {
    super(properties);
    // a browser that comes back has the name it had; else its messages are dropped while the old
    // connection counts as open
    shell.setRouterHandover(true);
    control.setRouterHandover(true);
    stdin.setRouterHandover(true);
  }

  StdinChannel stdin() {
    return stdin;
  }
}

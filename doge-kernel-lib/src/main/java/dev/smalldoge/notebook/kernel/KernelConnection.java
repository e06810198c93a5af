package dev.smalldoge.notebook.kernel;

import io.github.spencerpark.jupyter.channels.JupyterConnection;
import io.github.spencerpark.jupyter.channels.StdinChannel;
import io.github.spencerpark.jupyter.kernel.KernelConnectionProperties;
import java.security.GeneralSecurityException;

/** A connection that lets the kernel read from the notebook's input box. */
final class KernelConnection extends JupyterConnection {
  KernelConnection(KernelConnectionProperties properties) throws GeneralSecurityException {
    super(properties);
  }

  StdinChannel stdin() {
    return stdin;
  }
}

package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.Printed;

/**
 * A command as one types it: its exit code, and what it printed.
 *
 * @param code the exit code
 * @param out what it printed on standard output
 * @param err what it printed on standard error
 */
record CommandRun(int code, String out, String err) {
  static CommandRun of(String... words) {
    int[] code = new int[1];
    Printed printed = Printed.by(() -> code[0] = Main.run(words));
    return new CommandRun(code[0], printed.out(), printed.err());
  }

  /** This run, whose exit code must be {@code expected}. */
  CommandRun exits(int expected) {
    assertThat(code).as("exit code after%n%s%s", out, err).isEqualTo(expected);
    return this;
  }
}

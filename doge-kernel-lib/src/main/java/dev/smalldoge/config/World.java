package dev.smalldoge.config;

import static dev.smalldoge.config.Checks.check;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The processes that train one model together, and which of them this one is.
 *
 * <p>It is told by environment variables of the names that torchrun uses: {@code RANK}, {@code
 * LOCAL_RANK}, {@code WORLD_SIZE}, {@code MASTER_ADDR}, {@code MASTER_PORT}. Without {@code
 * WORLD_SIZE} a process is alone.
 *
 * @param rank number of this process, from 0; rank 0 writes, logs and is listened to
 * @param localRank number of this process among those of its host, from 0: its GPU
 * @param size how many processes there are
 * @param address host name or address of rank 0
 * @param port TCP port on which rank 0 waits for the others
 */
public record World(int rank, int localRank, int size, String address, int port) {
  /** One process that trains by itself. */
  public static final World ALONE = new World(0, 0, 1, "127.0.0.1", 29_500);

  /** Checks the ranges. */
  public World {
    check(size > 0, "WORLD_SIZE %d is not positive; give the number of processes", size);
    check(
        rank >= 0 && rank < size,
        "RANK %d is outside [0, %d); number the %d processes from 0",
        rank,
        size,
        size);
    check(localRank >= 0, "LOCAL_RANK %d is negative; number a host's processes from 0", localRank);
    check(
        port > 0 && port < 65_536,
        "MASTER_PORT %d is outside [1, 65535]; try MASTER_PORT=29500",
        port);
  }

  /** What this process' environment says. */
  public static World ofEnvironment() {
    return of(System.getenv());
  }

  /**
   * What an environment says.
   *
   * @throws DogeException if a variable is missing or no number
   */
  public static World of(Map<String, String> environment) {
    int size = number(environment, "WORLD_SIZE", 1);
    if (size == 1) {
      return ALONE;
    }
    check(
        environment.containsKey("RANK") && environment.containsKey("MASTER_ADDR"),
        "WORLD_SIZE is %d without RANK and MASTER_ADDR; set RANK from 0 to %d and MASTER_ADDR to"
            + " the host of rank 0, or start with --processes %d",
        size,
        size - 1,
        size);
    return new World(
        number(environment, "RANK", 0),
        number(environment, "LOCAL_RANK", 0),
        size,
        environment.get("MASTER_ADDR"),
        number(environment, "MASTER_PORT", ALONE.port));
  }

  private static int number(Map<String, String> environment, String name, int otherwise) {
    String value = environment.get(name);
    if (value == null || value.isBlank()) {
      return otherwise;
    }
    check(value.matches("\\d{1,9}"), "%s is \"%s\"; set it to a whole number", name, value);
    return Integer.parseInt(value);
  }

  /** The variables that tell a process what this says. */
  public Map<String, String> environment() {
    Map<String, String> variables = new LinkedHashMap<>();
    variables.put("RANK", String.valueOf(rank));
    variables.put("LOCAL_RANK", String.valueOf(localRank));
    variables.put("WORLD_SIZE", String.valueOf(size));
    variables.put("MASTER_ADDR", address);
    variables.put("MASTER_PORT", String.valueOf(port));
    return variables;
  }

  /** Whether this process is rank 0. */
  public boolean isFirst() {
    return rank == 0;
  }

  /** Whether there is no other process. */
  public boolean isAlone() {
    return size == 1;
  }

  @Override
  public String toString() {
    return "rank " + rank + " of " + size;
  }
}

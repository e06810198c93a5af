package dev.smalldoge.cli;

import dev.smalldoge.torch.Doctor;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** Says what this machine offers, and what mends whatever is wrong. */
@Command(name = "doctor", description = "Look at JDK, libtorch, GPU and caches.")
final class DoctorCommand implements Callable<Integer> {
  @Override
  public Integer call() {
    Doctor.Report report = Doctor.examine();
    System.out.println(report);
    return report.well() ? 0 : 1;
  }
}

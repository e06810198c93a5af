package dev.smalldoge.notebook;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.StandardLocation;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;

class DefaultImportsTest {
  /** A name in two imported packages would be ambiguous in every cell. */
  @Test
  void noNameIsImportedTwice() throws Exception {
    Map<String, List<String>> packagesOfName = new TreeMap<>();
    try (JavaFileManager files =
        ToolProvider.getSystemJavaCompiler().getStandardFileManager(null, null, null)) {
      for (String line : DefaultImports.packages()) {
        String name = line.replaceAll("import (.*)\\.\\*;", "$1");
        for (StandardLocation location :
            List.of(StandardLocation.SYSTEM_MODULES, StandardLocation.CLASS_PATH)) {
          for (String type : types(files, location, name)) {
            packagesOfName.computeIfAbsent(type, key -> new ArrayList<>()).add(name);
          }
        }
      }
    }
    assertThat(packagesOfName).containsKeys("List", "ModelConfig", "Table", "LiveChart");
    packagesOfName.values().removeIf(packages -> packages.size() == 1);
    assertThat(packagesOfName).isEmpty();
  }

  private static List<String> types(
      JavaFileManager files, StandardLocation location, String packageName) throws Exception {
    List<String> types = new ArrayList<>();
    List<JavaFileManager.Location> places = new ArrayList<>();
    if (location == StandardLocation.CLASS_PATH) {
      places.add(location);
    } else {
      files.listLocationsForModules(location).forEach(places::addAll);
    }
    for (JavaFileManager.Location place : places) {
      for (JavaFileObject file :
          files.list(place, packageName, Set.of(JavaFileObject.Kind.CLASS), false)) {
        String name = files.inferBinaryName(place, file);
        if (!name.contains("$") && !name.endsWith("-info") && isPublic(name)) {
          types.add(name.substring(name.lastIndexOf('.') + 1));
        }
      }
    }
    return types;
  }

  private static boolean isPublic(String name) throws ClassNotFoundException {
    Class<?> type = Class.forName(name, false, DefaultImportsTest.class.getClassLoader());
    return Modifier.isPublic(type.getModifiers());
  }
}

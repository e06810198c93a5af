package dev.smalldoge.notebook.kernel;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.DocTree;
import com.sun.source.doctree.ParamTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import dev.smalldoge.notebook.DefaultImports;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/**
 * First sentences of this library's own Javadoc, read from the sources that its jar carries.
 *
 * <p>Class files keep no comments, so the sources are packed under {@code META-INF/sources}; the
 * one file that is asked about is parsed when it is asked about.
 */
final class Javadocs {
  private final Map<String, Source> sources = new HashMap<>();

  private record Source(DocTrees trees, CompilationUnitTree unit) {}

  /** The sentence for a type, method, constructor, field or record component; null if unknown. */
  String firstSentence(Signature signature) {
    Source source = find(signature.owner());
    if (source == null) {
      return null;
    }
    TreePath type = typePath(source, signature.owner());
    if (type == null) {
      return null;
    }
    boolean isRecord = type.getLeaf().getKind() == Tree.Kind.RECORD;
    if (signature.member() == null || (isRecord && signature.isConstructor())) {
      return sentence(source.trees.getDocCommentTree(type));
    }
    for (Tree member : ((ClassTree) type.getLeaf()).getMembers()) {
      if (matches(member, signature)) {
        String own = sentence(source.trees.getDocCommentTree(new TreePath(type, member)));
        if (own != null) {
          return own;
        }
      }
    }
    return ofParameter(source.trees.getDocCommentTree(type), signature);
  }

  private static boolean matches(Tree member, Signature signature) {
    if (member instanceof VariableTree field) {
      return signature.parameters() == null && field.getName().contentEquals(signature.member());
    }
    if (!(member instanceof MethodTree method) || signature.parameters() == null) {
      return false;
    }
    List<String> types =
        method.getParameters().stream()
            .map(parameter -> Signature.simpleName(parameter.getType().toString()))
            .toList();
    return method.getName().contentEquals(signature.isConstructor() ? "<init>" : signature.member())
        && types.equals(signature.parameters());
  }

  /** What the record's comment says of the component that the signature reads. */
  private static String ofParameter(DocCommentTree record, Signature signature) {
    if (record == null) {
      return null;
    }
    for (DocTree tag : record.getBlockTags()) {
      if (tag instanceof ParamTree parameter
          && parameter.getName().getName().contentEquals(signature.member())) {
        return text(parameter.getDescription());
      }
    }
    return null;
  }

  private Source find(String owner) {
    int start = 0;
    while (start < owner.length() && !Character.isUpperCase(owner.charAt(start))) {
      start = owner.indexOf('.', start) + 1;
      if (start == 0) {
        return null;
      }
    }
    String top = owner.substring(start).split("\\.", -1)[0];
    if (start > 0) {
      return load(owner.substring(0, start) + top);
    }
    for (String name : DefaultImports.ownPackages()) {
      Source found = load(name + "." + top);
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  private Source load(String className) {
    return sources.computeIfAbsent(className, Javadocs::parse);
  }

  private static Source parse(String className) {
    String path = "META-INF/sources/" + className.replace('.', '/') + ".java";
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (InputStream in = Javadocs.class.getClassLoader().getResourceAsStream(path)) {
      if (in == null || compiler == null) {
        return null;
      }
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      JavaFileObject file =
          new SimpleJavaFileObject(URI.create("memory:///" + path), JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreEncodingErrors) {
              return text;
            }
          };
      JavacTask task =
          (JavacTask)
              compiler.getTask(null, null, d -> {}, List.of("-proc:none"), null, List.of(file));
      return new Source(DocTrees.instance(task), task.parse().iterator().next());
    } catch (IOException e) {
      Main.log("cannot read " + path + ": " + e);
      return null;
    }
  }

  private static TreePath typePath(Source source, String owner) {
    TreePath path = new TreePath(source.unit);
    List<? extends Tree> members = source.unit.getTypeDecls();
    for (String name : owner.split("\\.", -1)) {
      if (!Character.isUpperCase(name.charAt(0))) {
        continue; // of the package
      }
      ClassTree found = null;
      for (Tree member : members) {
        if (member instanceof ClassTree type && type.getSimpleName().contentEquals(name)) {
          found = type;
        }
      }
      if (found == null) {
        return null;
      }
      path = new TreePath(path, found);
      members = found.getMembers();
    }
    return path.getLeaf() instanceof ClassTree ? path : null;
  }

  private static String sentence(DocCommentTree comment) {
    return comment == null ? null : text(comment.getFirstSentence());
  }

  private static String text(List<? extends DocTree> parts) {
    String text = parts.stream().map(DocTree::toString).collect(Collectors.joining());
    return text.isBlank() ? null : plain(text);
  }

  /** Javadoc as plain text. */
  static String plain(String javadoc) {
    return javadoc
        .replaceAll("\\{@link(?:plain)?\\s+#([^{}]*)}", "$1")
        .replaceAll("\\{@link(?:plain)?\\s+(\\w+)#([^{}]*)}", "$1.$2")
        .replaceAll("\\{@(?:code|link|linkplain|literal)\\s+([^{}]*)}", "$1")
        .replaceAll("<[^>]*>", "")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
        .replaceAll("\\s+", " ")
        .strip();
  }

  /** Everything up to the first full stop that ends a sentence. */
  static String firstSentenceOf(String javadoc) {
    return javadoc.strip().split("(?<=\\.)\\s", 2)[0];
  }
}

package dev.smalldoge.tokenizer;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.InterpretException;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import com.hubspot.jinjava.lib.filter.AdvancedFilter;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.tree.Node;
import dev.smalldoge.config.DogeException;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.Pattern;

/**
 * Jinja templates as Hugging Face transformers renders them: blocks trimmed, Python's {@code trim},
 * {@code tojson} and {@code iterable}, {@code raise_exception}; what a message says is never read
 * as a template. Any error is fatal.
 */
final class PythonJinja {
  private static final Jinjava JINJAVA = jinjava();

  /** {@code not a == b} in a condition, which Jinjava reads as {@code (not a) == b}. */
  private static final Pattern NOT_COMPARED = notCompared();

  private PythonJinja() {}

  private static Pattern notCompared() {
    String operand = "(?:(?!\\band\\b|\\bor\\b|%\\}|[()]).)*?";
    return Pattern.compile(
        "(\\{%-?\\s*(?:el)?if\\s+|\\band\\s+|\\bor\\s+)not\\s+("
            + operand
            + "(?:==|!=|<=|>=|<|>)"
            + operand
            + ")(\\s*-?%\\}|\\s+and\\b|\\s+or\\b)");
  }

  private static Jinjava jinjava() {
    LegacyOverrides asInPython =
        LegacyOverrides.newBuilder()
            .withParseWhitespaceControlStrictly(true)
            .withUseTrimmingForNotesAndExpressions(true)
            .withUseSnakeCasePropertyNaming(true)
            .withKeepNullableLoopValues(true)
            .build();
    Jinjava jinjava =
        new Jinjava(
            JinjavaConfig.newBuilder()
                .withTrimBlocks(true)
                .withLstripBlocks(true)
                .withNestedInterpretationEnabled(false) // else {{ }} in a message is run
                .withLegacyOverrides(asInPython)
                .build());
    Context context = jinjava.getGlobalContext();
    context.registerFunction(
        new ELFunctionDefinition("", "raise_exception", PythonJinja.class, "raise", String.class));
    context.registerFilter(new Trim());
    context.registerFilter(new ToJson());
    context.registerExpTest(new IsIterable());
    return jinjava;
  }

  /**
   * A template, parsed once for each thread that renders it at the same time: most of the time went
   * into parsing, and a tree is not said to be safe for several threads.
   */
  static final class Template {
    private final String text;
    private final Queue<Node> idle = new ConcurrentLinkedQueue<>();

    Template(String source) {
      text = NOT_COMPARED.matcher(source).replaceAll("$1not ($2)$3");
    }

    /**
     * Renders it.
     *
     * @throws DogeException if it refuses these variables, or fails in any way
     */
    String render(Map<String, ?> variables) {
      Context context = new Context(JINJAVA.getGlobalContextCopy(), variables);
      var interpreter = new JinjavaInterpreter(JINJAVA, context, JINJAVA.getGlobalConfig());
      try (var current = JinjavaInterpreter.closeablePushCurrent(interpreter).get()) {
        Node tree = idle.poll();
        if (tree == null) {
          tree = interpreter.parse(text);
          refuseErrors(interpreter);
        }
        String rendered = interpreter.render(tree);
        refuseErrors(interpreter);
        idle.add(tree);
        return rendered;
      } catch (InterpretException e) {
        throw failed(e.getLineNumber(), e.getMessage(), e);
      }
    }
  }

  private static void refuseErrors(JinjavaInterpreter interpreter) {
    for (TemplateError error : interpreter.getErrorsCopy()) {
      throw failed(error.getLineno(), error.getMessage(), error.getException());
    }
  }

  private static DogeException failed(int line, String message, Exception cause) {
    for (Throwable t = cause; t != null; t = t.getCause()) {
      if (t instanceof Refusal) {
        return new DogeException("the chat template refuses this conversation: " + t.getMessage());
      }
    }
    return new DogeException(
        String.format(
            "the chat template cannot be rendered (line %d: %s); use a tokenizer whose template"
                + " is Doge's or Llama 3's",
            line, message));
  }

  /** What {@code raise_exception} of a template does. */
  @SuppressWarnings("DoNotCallSuggester") // templates call it, by name
  public static String raise(String reason) {
    throw new Refusal(reason);
  }

  /** A template's own objection. */
  private static final class Refusal extends RuntimeException {
    private Refusal(String reason) {
      super(reason);
    }
  }

  /** Python's {@code strip}, which knows other spaces than Java's trim. */
  static String strip(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isSpace(text.charAt(from))) {
      from++;
    }
    while (to > from && isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  private static boolean isSpace(char c) {
    return (c >= 0x1C && c <= 0x1F) || UnicodeClasses.of(c) >= UnicodeClasses.SPACE;
  }

  private static final class Trim implements AdvancedFilter {
    @Override
    public String getName() {
      return "trim";
    }

    @Override
    public Object filter(
        Object value, JinjavaInterpreter interpreter, Object[] args, Map<String, Object> named) {
      return value == null ? null : strip(value.toString());
    }
  }

  private static final class ToJson implements AdvancedFilter {
    @Override
    public String getName() {
      return "tojson";
    }

    @Override
    public Object filter(
        Object value, JinjavaInterpreter interpreter, Object[] args, Map<String, Object> named) {
      Object indent = named.getOrDefault("indent", args.length > 0 ? args[0] : null);
      return PythonJson.write(value, indent instanceof Number number ? number.intValue() : -1);
    }
  }

  private static final class IsIterable implements ExpTest {
    @Override
    public String getName() {
      return "iterable";
    }

    @Override
    public boolean evaluate(Object value, JinjavaInterpreter interpreter, Object... args) {
      return PythonJson.isIterable(value);
    }
  }
}

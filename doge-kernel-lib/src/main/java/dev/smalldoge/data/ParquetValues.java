package dev.smalldoge.data;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.io.api.Converter;
import org.apache.parquet.io.api.GroupConverter;
import org.apache.parquet.io.api.PrimitiveConverter;
import org.apache.parquet.io.api.RecordMaterializer;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;

/**
 * Makes plain values of parquet's columns: bytes become text, lists Lists (of both the three-level
 * and the older two-level kind), groups Maps.
 *
 * <p>Source: the backward-compatibility rules for lists in Apache Parquet's LogicalTypes.md.
 */
final class ParquetValues extends RecordMaterializer<Map<String, Object>> {
  private final int maxRowBytes;
  private final Map<String, Object> template;
  private final GroupConverter root;
  private Map<String, Object> row;
  private long bytes;
  private String defect;

  /**
   * For rows of {@code schema}.
   *
   * @param template what a row holds before its values are read
   */
  ParquetValues(MessageType schema, Map<String, Object> template, int maxRowBytes) {
    this.maxRowBytes = maxRowBytes;
    this.template = template;
    this.root =
        new Members(
            schema,
            () -> {
              bytes = 0;
              defect = null;
              row = new LinkedHashMap<>(this.template);
              return row;
            },
            done -> {});
  }

  /** Why the latest row cannot be used; null where it can. */
  String defect() {
    return defect;
  }

  @Override
  public Map<String, Object> getCurrentRecord() {
    return row;
  }

  @Override
  public GroupConverter getRootConverter() {
    return root;
  }

  private Converter converter(Type type, Consumer<Object> target) {
    if (type.isRepetition(Type.Repetition.REPEATED)) {
      throw new IllegalArgumentException(
          "column \"" + type.getName() + "\" is repeated outside a list");
    }
    return single(type, target);
  }

  private Converter single(Type type, Consumer<Object> target) {
    if (type.isPrimitive()) {
      return new Value(target);
    }
    GroupType group = type.asGroupType();
    boolean list =
        type.getLogicalTypeAnnotation() instanceof ListLogicalTypeAnnotation
            && group.getFieldCount() == 1;
    return list ? new Elements(group, target) : new Members(group, LinkedHashMap::new, target);
  }

  /** The fields of a group. */
  private final class Members extends GroupConverter {
    private final Converter[] fields;
    private final Supplier<Map<String, Object>> begin;
    private final Consumer<Object> target;
    private Map<String, Object> members;

    Members(GroupType type, Supplier<Map<String, Object>> begin, Consumer<Object> target) {
      this.begin = begin;
      this.target = target;
      this.fields = new Converter[type.getFieldCount()];
      for (int i = 0; i < fields.length; i++) {
        String name = type.getFieldName(i);
        fields[i] = converter(type.getType(i), value -> members.put(name, value));
      }
    }

    @Override
    public Converter getConverter(int field) {
      return fields[field];
    }

    @Override
    public void start() {
      members = begin.get();
    }

    @Override
    public void end() {
      target.accept(members);
    }
  }

  /** A list: a group around a repeated field. */
  private final class Elements extends GroupConverter {
    private final Converter repeated;
    private final Consumer<Object> target;
    private List<Object> elements;

    Elements(GroupType list, Consumer<Object> target) {
      this.target = target;
      Type inner = list.getType(0);
      Consumer<Object> add = value -> elements.add(value);
      boolean threeLevels =
          !inner.isPrimitive()
              && inner.asGroupType().getFieldCount() == 1
              && !inner.getName().equals("array")
              && !inner.getName().equals(list.getName() + "_tuple");
      repeated = threeLevels ? new Element(inner.asGroupType(), add) : single(inner, add);
    }

    @Override
    public Converter getConverter(int field) {
      return repeated;
    }

    @Override
    public void start() {
      elements = new ArrayList<>();
    }

    @Override
    public void end() {
      target.accept(elements);
    }
  }

  /** The group around one element, which is null where the group is empty. */
  private final class Element extends GroupConverter {
    private final Converter inner;
    private final Consumer<Object> target;
    private Object value;

    Element(GroupType type, Consumer<Object> target) {
      this.target = target;
      this.inner = converter(type.getType(0), element -> value = element);
    }

    @Override
    public Converter getConverter(int field) {
      return inner;
    }

    @Override
    public void start() {
      value = null;
    }

    @Override
    public void end() {
      target.accept(value);
    }
  }

  /** A value without parts. */
  private final class Value extends PrimitiveConverter {
    private final Consumer<Object> target;

    Value(Consumer<Object> target) {
      this.target = target;
    }

    @Override
    public void addBinary(Binary value) {
      bytes += value.length();
      if (bytes > maxRowBytes) {
        defect = JsonlReader.tooLong(maxRowBytes);
        return;
      }
      String text = value.toStringUsingUTF8();
      if (Utf8.isBroken(text, value.toByteBuffer())) {
        defect = Utf8.DEFECT;
      }
      target.accept(text);
    }

    @Override
    public void addBoolean(boolean value) {
      target.accept(value);
    }

    @Override
    public void addDouble(double value) {
      target.accept(value);
    }

    @Override
    public void addFloat(float value) {
      target.accept((double) value);
    }

    @Override
    public void addInt(int value) {
      target.accept((double) value);
    }

    @Override
    public void addLong(long value) {
      target.accept(value);
    }
  }
}

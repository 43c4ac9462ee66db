package gauntlet.clients;

import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericEnumSymbol;
import org.apache.avro.generic.GenericRecord;

/** Avro's generic values as JSON, number for number. */
final class Json {
    private static final JsonNodeFactory MAKE = JsonNodeFactory.instance;

    private Json() {}

    static JsonNode of(Object value) {
        if (value == null) {
            return MAKE.nullNode();
        } else if (value instanceof GenericRecord record) {
            ObjectNode object = MAKE.objectNode();
            for (Schema.Field field : record.getSchema().getFields()) {
                object.set(field.name(), of(record.get(field.pos())));
            }
            return object;
        } else if (value instanceof Map<?, ?> map) {
            ObjectNode object = MAKE.objectNode();
            map.forEach((key, of) -> object.set(key.toString(), of(of)));
            return object;
        } else if (value instanceof Collection<?> list) {
            ArrayNode array = MAKE.arrayNode();
            list.forEach(item -> array.add(of(item)));
            return array;
        } else if (value instanceof Long number) {
            return MAKE.numberNode(number);
        } else if (value instanceof Integer number) {
            return MAKE.numberNode(number);
        } else if (value instanceof Double number) {
            return MAKE.numberNode(number);
        } else if (value instanceof Boolean flag) {
            return MAKE.booleanNode(flag);
        } else if (value instanceof ByteBuffer bytes) {
            // Not yet read, so the whole array; in base64.
            return MAKE.binaryNode(bytes.array());
        } else if (value instanceof CharSequence || value instanceof GenericEnumSymbol) {
            return MAKE.textNode(value.toString());
        }
        throw new IllegalArgumentException("a " + value.getClass().getName() + " has no JSON here");
    }
}

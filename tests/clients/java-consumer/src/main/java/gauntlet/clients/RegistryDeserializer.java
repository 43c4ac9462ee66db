package gauntlet.clients;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Records in Confluent's frame (a zero, the schema's number in four bytes, the Avro body) by the schema that the
 * registry has under that number.
 *
 * <p>Confluent's KafkaAvroDeserializer does the same, takes the same setting and can stand here where its repository
 * is at hand; this one needs nothing but Avro and works with any registry of that interface.
 */
public final class RegistryDeserializer implements Deserializer<GenericRecord> {
    private static final int HEAD_BYTES = 5;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final HttpClient http = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
    private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new HashMap<>();
    private String registry;

    @Override
    public void configure(Map<String, ?> settings, boolean isKey) {
        registry = settings.get("schema.registry.url").toString();
    }

    @Override
    public GenericRecord deserialize(String topic, byte[] frame) {
        if (frame == null) {
            return null;
        }
        if (frame.length < HEAD_BYTES || frame[0] != 0) {
            throw new SerializationException("a record of " + topic + " is not in Confluent's frame");
        }
        int number = ByteBuffer.wrap(frame, 1, Integer.BYTES).getInt();
        var reader = readers.computeIfAbsent(number, n -> new GenericDatumReader<>(schema(n)));
        try {
            BinaryDecoder body =
                    DecoderFactory.get().binaryDecoder(frame, HEAD_BYTES, frame.length - HEAD_BYTES, null);
            GenericRecord record = reader.read(null, body);
            if (!body.isEnd()) {
                throw new SerializationException("a record of " + topic + " goes on behind its last field");
            }
            return record;
        } catch (IOException error) {
            throw new SerializationException("a record of " + topic + " is not what schema " + number + " says", error);
        }
    }

    private Schema schema(int number) {
        URI address = URI.create(registry + "/schemas/ids/" + number);
        try {
            var request = HttpRequest.newBuilder(address).timeout(PATIENCE).build();
            var answer = http.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new SerializationException(address + " answers " + answer.statusCode() + ": " + answer.body());
            }
            return new Schema.Parser().parse(new ObjectMapper().readTree(answer.body()).get("schema").textValue());
        } catch (IOException error) {
            throw new SerializationException(address + " cannot be read", error);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new SerializationException(address + " was not read: interrupted", error);
        }
    }
}

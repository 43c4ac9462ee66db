package gauntlet.clients;

import static org.apache.kafka.clients.consumer.ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG;
import static org.apache.kafka.clients.consumer.ConsumerConfig.ISOLATION_LEVEL_CONFIG;
import static org.apache.kafka.clients.consumer.ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG;
import static org.apache.kafka.clients.consumer.ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Prints what happens to experiments and trials, or on other topics, one JSON line an event.
 *
 * <p>Reads committed records only, keeps no position and joins no group: several can watch at once.
 */
public final class Events {
    private static final List<String> TOPICS = List.of("experiments.v1", "trial.results.v1");
    private static final Set<String> OPTIONS = Set.of("--from-beginning", "--once");

    private Events() {}

    public static void main(String[] args) {
        Set<String> options = Stream.of(args).filter(arg -> arg.startsWith("-")).collect(Collectors.toSet());
        List<String> topics = Stream.of(args).filter(arg -> !arg.startsWith("-")).toList();
        if (!OPTIONS.containsAll(options)) {
            System.err.println("usage: java -jar events.jar [TOPIC...] [--from-beginning] [--once]");
            System.exit(2);
        }
        try (KafkaConsumer<String, GenericRecord> consumer = new KafkaConsumer<>(Map.of(
                BOOTSTRAP_SERVERS_CONFIG, setting("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS", null),
                ISOLATION_LEVEL_CONFIG, "read_committed",
                KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class,
                VALUE_DESERIALIZER_CLASS_CONFIG, RegistryDeserializer.class,
                "schema.registry.url", setting("GAUNTLET_REGISTRY__URL", null)))) {
            consumer.assign(partitions(consumer, topics.isEmpty() ? TOPICS : topics));
            follow(consumer, options.contains("--from-beginning"), options.contains("--once"));
        }
    }

    private static void follow(KafkaConsumer<String, GenericRecord> consumer, boolean fromBeginning, boolean once) {
        Set<TopicPartition> partitions = consumer.assignment();
        if (fromBeginning) {
            consumer.seekToBeginning(partitions);
        } else {
            consumer.seekToEnd(partitions);
        }
        // For a reader of committed records this is the end of what is committed.
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        boolean atEnd;
        do {
            for (ConsumerRecord<String, GenericRecord> record : consumer.poll(Duration.ofMillis(500))) {
                System.out.println(line(record));
            }
            atEnd = ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
        } while (!(once && atEnd));
    }

    private static List<TopicPartition> partitions(KafkaConsumer<?, ?> consumer, List<String> topics) {
        String prefix = setting("GAUNTLET_TOPICS__PREFIX", "gauntlet.");
        return topics.stream()
                .flatMap(topic -> consumer.partitionsFor(prefix + topic).stream())
                .map(found -> new TopicPartition(found.topic(), found.partition()))
                .toList();
    }

    private static ObjectNode line(ConsumerRecord<String, GenericRecord> record) {
        ObjectNode line = JsonNodeFactory.instance.objectNode();
        line.put("record", record.value().getSchema().getFullName());
        line.put("key", record.key());
        for (String header : List.of("ce_id", "ce_type", "ce_correlationid")) {
            var found = record.headers().lastHeader(header);
            line.put(header, found == null ? null : new String(found.value(), StandardCharsets.UTF_8));
        }
        line.set("fields", Json.of(record.value()));
        return line;
    }

    private static String setting(String name, String otherwise) {
        String value = System.getenv().getOrDefault(name, otherwise == null ? "" : otherwise);
        if (value.isEmpty()) {
            throw new IllegalStateException(name + " is not set");
        }
        return value;
    }
}

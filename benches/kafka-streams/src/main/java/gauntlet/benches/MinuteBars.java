package gauntlet.benches;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The peer of the tick benchmark: the same ticks from the same topic to minute bars, as a user of Kafka Streams would
 * write it. A bar is written once, when event time has passed its end.
 *
 * <p>Arguments: bootstrap servers, application id, input topic, output topic, processing guarantee, schema file, state
 * folder, and how windows are kept: "default", as the library does unasked (on disk, a file set for each minute); on
 * "disk" for a day; or in "memory". Runs until it is killed.
 */
public final class MinuteBars {
  private static final Duration MINUTE = Duration.ofMinutes(1);

  /** Open, high, low, close and count of a window; the first tick makes it. */
  record Bar(long open, long high, long low, long close, long ticks) {
    static final Bar EMPTY = new Bar(0, 0, 0, 0, 0);

    Bar with(long price) {
      return ticks == 0
          ? new Bar(price, price, price, price, 1)
          : new Bar(open, Math.max(high, price), Math.min(low, price), price, ticks + 1);
    }

    static Serde<Bar> serde() {
      return Serdes.serdeFrom(
          (topic, bar) -> {
            ByteBuffer bytes = ByteBuffer.allocate(40);
            bytes.putLong(bar.open).putLong(bar.high).putLong(bar.low).putLong(bar.close).putLong(bar.ticks);
            return bytes.array();
          },
          (topic, data) -> {
            ByteBuffer bytes = ByteBuffer.wrap(data);
            return new Bar(bytes.getLong(), bytes.getLong(), bytes.getLong(), bytes.getLong(), bytes.getLong());
          });
    }
  }

  /** A quote in Confluent framing; the schema is known, no registry is asked. */
  static final class Quotes {
    private final GenericDatumReader<GenericRecord> reader;
    private BinaryDecoder decoder;
    private GenericRecord quote;

    Quotes(Schema schema) {
      reader = new GenericDatumReader<>(schema);
    }

    GenericRecord read(byte[] frame) {
      try {
        decoder = DecoderFactory.get().binaryDecoder(frame, 5, frame.length - 5, decoder);
        quote = reader.read(quote, decoder);
        return quote;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static Materialized<String, Bar, WindowStore<Bytes, byte[]>> windows(String kept) {
    return switch (kept) {
      case "default" -> Materialized.as("bars");
      case "disk" -> Materialized.as(
          Stores.persistentTimestampedWindowStore("bars", Duration.ofDays(1), MINUTE, false));
      case "memory" -> Materialized.as(Stores.inMemoryWindowStore("bars", Duration.ofHours(1), MINUTE, false));
      default -> throw new IllegalArgumentException("windows are kept by default, on disk or in memory: " + kept);
    };
  }

  public static void main(String[] args) throws Exception {
    Schema schema = new Schema.Parser().parse(Path.of(args[5]).toFile());
    Quotes forTime = new Quotes(schema);
    Quotes forPrice = new Quotes(schema);

    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(
            args[2],
            Consumed.with(Serdes.String(), Serdes.ByteArray())
                .withTimestampExtractor((ConsumerRecord<Object, Object> record, long partitionTime) ->
                    (Long) forTime.read((byte[]) record.value()).get("time") / 1_000_000))
        .groupByKey(Grouped.with(Serdes.String(), Serdes.ByteArray()))
        .windowedBy(TimeWindows.ofSizeWithNoGrace(MINUTE))
        .aggregate(
            () -> Bar.EMPTY,
            (key, frame, bar) -> {
              GenericRecord quote = forPrice.read(frame);
              return bar.with(((Long) quote.get("bid") + (Long) quote.get("ask")) / 2);
            },
            windows(args[7]).withKeySerde(Serdes.String()).withValueSerde(Bar.serde()))
        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
        .toStream((window, bar) -> window.key() + "@" + window.window().start())
        .to(args[3], Produced.with(Serdes.String(), Bar.serde()));

    Properties properties = new Properties();
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[4]);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, args[6]);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    // Commits as often in both guarantees, or the figures would not compare: the default of exactly once.
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    properties.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");

    KafkaStreams streams = new KafkaStreams(builder.build(), properties);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return null;
    });
    streams.start();
    new CountDownLatch(1).await();
  }
}

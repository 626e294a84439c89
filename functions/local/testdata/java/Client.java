import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.util.VersionInfo;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.*;

/** Takes streams around the loop by the AWS SDK for Java. The arguments are the endpoint and that of one where records fail. */
public class Client {
  static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  static KinesisClient connect(String endpoint, int attempts) {
    return KinesisClient.builder()
        .endpointOverride(URI.create(endpoint))
        .region(Region.US_EAST_1)
        .httpClient(UrlConnectionHttpClient.create())
        .overrideConfiguration(o -> o.retryStrategy(r -> r.maxAttempts(attempts)))
        .build();
  }

  /** Puts again what fails, until every record is stored, and reads each back once. A record on its own fails by an exception. */
  static void partialFailures(KinesisClient kinesis) {
    String stream = "failing";
    kinesis.createStream(r -> r.streamName(stream).shardCount(1));
    kinesis.waiter().waitUntilStreamExists(r -> r.streamName(stream));
    List<PutRecordsRequestEntry> left = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      left.add(PutRecordsRequestEntry.builder().partitionKey("k").data(SdkBytes.fromUtf8String("order " + i)).build());
    }
    Map<String, String> stored = new HashMap<>();
    int failures = 0;
    while (!left.isEmpty()) {
      List<PutRecordsRequestEntry> sent = left;
      PutRecordsResponse put = kinesis.putRecords(r -> r.streamName(stream).records(sent));
      left = new ArrayList<>();
      for (int i = 0; i < sent.size(); i++) {
        PutRecordsResultEntry result = put.records().get(i);
        if (result.errorCode() == null) {
          stored.put(result.sequenceNumber(), sent.get(i).data().asUtf8String());
          continue;
        }
        check(result.errorCode().equals("ProvisionedThroughputExceededException"), result.toString());
        check(result.errorMessage().startsWith("Rate exceeded for shard shardId-000000000000 in stream failing"), result.toString());
        left.add(sent.get(i));
      }
      check(put.failedRecordCount() == left.size(), put.failedRecordCount() + " of " + left.size() + " failures are told");
      failures += left.size();
    }
    check(failures > 0, "no record failed");
    for (boolean thrown = false; !thrown;) {
      try {
        PutRecordResponse put = kinesis.putRecord(r -> r.streamName(stream).partitionKey("k").data(SdkBytes.fromUtf8String("alone")));
        stored.put(put.sequenceNumber(), "alone");
      } catch (ProvisionedThroughputExceededException e) {
        thrown = true;
      }
    }
    String iterator = kinesis.getShardIterator(r -> r.streamName(stream).shardId("shardId-000000000000")
        .shardIteratorType(ShardIteratorType.TRIM_HORIZON)).shardIterator();
    Map<String, String> found = new HashMap<>();
    kinesis.getRecords(r -> r.shardIterator(iterator)).records()
        .forEach(record -> found.put(record.sequenceNumber(), record.data().asUtf8String()));
    check(found.equals(stored), found.size() + " records were read back, " + stored.size() + " were stored");
  }

  public static void main(String[] args) {
    KinesisClient kinesis = connect(args[0], 3);
    String stream = "java";
    kinesis.createStream(r -> r.streamName(stream).shardCount(2));
    kinesis.waiter().waitUntilStreamExists(r -> r.streamName(stream));

    Map<String, byte[]> records = new HashMap<>();
    byte[] everyByte = new byte[256];
    for (int i = 0; i < everyByte.length; i++) {
      everyByte[i] = (byte) i;
    }
    records.put("every byte", everyByte);
    records.put("empty", new byte[0]);
    records.put("clé 😀 ключ", "text".getBytes());
    records.put("large", new byte[1 << 20]);
    List<PutRecordsRequestEntry> entries = new ArrayList<>();
    records.forEach((key, data) -> entries.add(
        PutRecordsRequestEntry.builder().partitionKey(key).data(SdkBytes.fromByteArray(data)).build()));
    PutRecordsResponse put = kinesis.putRecords(r -> r.streamName(stream).records(entries));
    check(put.failedRecordCount() == 0, "some records failed: " + put);
    check(put.records().get(0).sequenceNumber().length() == 56, "sequence number " + put.records().get(0));

    Instant now = Instant.now();
    int found = 0;
    for (Shard shard : kinesis.listShards(r -> r.streamName(stream)).shards()) {
      for (ShardIteratorType type : List.of(ShardIteratorType.TRIM_HORIZON, ShardIteratorType.AT_TIMESTAMP)) {
        String iterator = kinesis.getShardIterator(r -> {
          r.streamName(stream).shardId(shard.shardId()).shardIteratorType(type);
          if (type == ShardIteratorType.AT_TIMESTAMP) {
            r.timestamp(now.minusSeconds(60));
          }
        }).shardIterator();
        GetRecordsResponse read = kinesis.getRecords(r -> r.shardIterator(iterator));
        check(read.millisBehindLatest() == 0, "behind by " + read.millisBehindLatest());
        for (software.amazon.awssdk.services.kinesis.model.Record record : read.records()) {
          check(java.util.Arrays.equals(records.get(record.partitionKey()), record.data().asByteArray()), "data of " + record.partitionKey());
          Duration age = Duration.between(record.approximateArrivalTimestamp(), now).abs();
          check(age.compareTo(Duration.ofMinutes(1)) < 0, "it arrived at " + record.approximateArrivalTimestamp());
          found++;
        }
      }
    }
    check(found == 2 * records.size(), found + " records were read");
    Instant created = kinesis.describeStreamSummary(r -> r.streamName(stream)).streamDescriptionSummary().streamCreationTimestamp();
    check(Duration.between(created, now).abs().compareTo(Duration.ofMinutes(1)) < 0, "it was created at " + created);

    try {
      kinesis.describeStream(r -> r.streamName("nothing"));
      check(false, "a stream that is not there was described");
    } catch (ResourceNotFoundException e) {
      check(e.awsErrorDetails().errorMessage().equals("Stream nothing under account 000000000000 not found."), e.toString());
      check(e.requestId().length() == 36, "request id " + e.requestId());
    }
    try {
      kinesis.putRecord(r -> r.streamName(stream).partitionKey("k").explicitHashKey("x").data(SdkBytes.fromByteArray(new byte[0])));
      check(false, "a wrong hash key was taken");
    } catch (InvalidArgumentException e) {
      check(e.awsErrorDetails().errorMessage().startsWith("1 validation error detected"), e.toString());
    }
    kinesis.deleteStream(r -> r.streamName(stream));
    kinesis.waiter().waitUntilStreamNotExists(r -> r.streamName(stream));
    partialFailures(connect(args[1], 1));
    System.out.println("AWS SDK for Java " + VersionInfo.SDK_VERSION);
  }
}

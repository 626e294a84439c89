import com.google.common.util.concurrent.ListenableFuture;
import java.io.FileInputStream;
import java.io.InputStream;
import java.math.BigInteger;
import java.net.URI;
import java.nio.ByteBuffer;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.kinesis.producer.Attempt;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/**
 * Puts records by the Kinesis Producer Library and reads them back by the AWS SDK, taking aggregated ones apart by the Kinesis Client
 * Library. The arguments are an endpoint where records fail, its certificate, whether to aggregate, and a folder for the library's
 * native part.
 */
public class Producer {
  static final String STREAM = "orders";
  static final String CRAB = "\uD83E\uDD80";
  static final StaticCredentialsProvider CREDENTIALS = StaticCredentialsProvider.create(AwsBasicCredentials.create("local", "local"));

  static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  /** A record where it is stored. */
  record Stored(String shard, String sequenceNumber, String key, String data) {
    static Stored of(String shard, String sequenceNumber, String key, ByteBuffer data) {
      byte[] bytes = new byte[data.remaining()];
      data.duplicate().get(bytes);
      return new Stored(shard, sequenceNumber, key, Base64.getEncoder().encodeToString(bytes));
    }
  }

  record Order(String key, String hashKey, byte[] data) {}

  private final boolean aggregate;
  private final KinesisClient kinesis;
  private final KinesisProducer producer;
  private final Set<Stored> stored = new HashSet<>();
  private int throttled = 0;

  Producer(URI endpoint, String certificate, boolean aggregate, String folder) throws Exception {
    this.aggregate = aggregate;
    kinesis = KinesisClient.builder()
        .endpointOverride(endpoint)
        .region(Region.US_EAST_1)
        .credentialsProvider(CREDENTIALS)
        .httpClient(ApacheHttpClient.builder().tlsTrustManagersProvider(trusting(certificate)::getTrustManagers).build())
        .build();
    kinesis.createStream(r -> r.streamName(STREAM).shardCount(2));
    kinesis.waiter().waitUntilStreamExists(r -> r.streamName(STREAM));
    producer = new KinesisProducer(new KinesisProducerConfiguration()
        .setRegion("us-east-1")
        .setKinesisEndpoint(endpoint.getHost())
        .setKinesisPort(endpoint.getPort())
        .setStsEndpoint(endpoint.getHost())
        .setStsPort(endpoint.getPort())
        .setCloudwatchEndpoint(endpoint.getHost())
        .setCloudwatchPort(endpoint.getPort())
        .setMetricsLevel("none")
        .setCredentialsProvider(CREDENTIALS)
        .setCaCertFile(certificate)
        .setAggregationEnabled(aggregate)
        .setRecordTtl(600_000) // no record must expire because this machine is slow
        .setConnectTimeout(60_000)
        .setRequestTimeout(60_000)
        .setTempDirectory(folder));
  }

  static TrustManagerFactory trusting(String certificate) throws Exception {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    try (InputStream pem = new FileInputStream(certificate)) {
      trusted.setCertificateEntry("millrace", CertificateFactory.getInstance("X.509").generateCertificate(pem));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(trusted);
    return factory;
  }

  void put(List<Order> orders) throws Exception {
    List<ListenableFuture<UserRecordResult>> answers = new ArrayList<>();
    for (Order order : orders) {
      answers.add(producer.addUserRecord(STREAM, order.key, order.hashKey, ByteBuffer.wrap(order.data)));
    }
    producer.flushSync();
    for (int i = 0; i < orders.size(); i++) {
      UserRecordResult answer = answers.get(i).get();
      check(answer.isSuccessful(), "a record failed: " + answer.getAttempts());
      List<Attempt> attempts = answer.getAttempts();
      for (Attempt failed : attempts.subList(0, attempts.size() - 1)) {
        check(failed.getErrorCode().equals("ProvisionedThroughputExceededException"), failed.getErrorCode() + ": " + failed.getErrorMessage());
        throttled++;
      }
      stored.add(Stored.of(answer.getShardId(), answer.getSequenceNumber(), orders.get(i).key, ByteBuffer.wrap(orders.get(i).data)));
    }
  }

  /** Compares what the stream holds with what was put, and returns how many records hold it. */
  int readBack() {
    List<Stored> found = new ArrayList<>();
    int records = 0;
    for (Shard shard : kinesis.listShards(r -> r.streamName(STREAM)).shards()) {
      String iterator = kinesis.getShardIterator(
          r -> r.streamName(STREAM).shardId(shard.shardId()).shardIteratorType(ShardIteratorType.TRIM_HORIZON)).shardIterator();
      while (true) {
        String from = iterator;
        GetRecordsResponse answer = kinesis.getRecords(r -> r.shardIterator(from));
        if (answer.records().isEmpty() && answer.millisBehindLatest() == 0) {
          break;
        }
        records += answer.records().size();
        List<KinesisClientRecord> aggregated = answer.records().stream().map(KinesisClientRecord::fromRecord).collect(Collectors.toList());
        for (KinesisClientRecord r : new AggregatorUtil().deaggregate(aggregated)) {
          found.add(Stored.of(shard.shardId(), r.sequenceNumber(), r.partitionKey(), r.data()));
        }
        iterator = answer.nextShardIterator();
      }
    }
    check(found.size() == stored.size(), found.size() + " records were read back, " + stored.size() + " were put");
    check(stored.equals(new HashSet<>(found)), "other records were read back than were put");
    check(aggregate || records == stored.size(), stored.size() + " records were put as " + records);
    return records;
  }

  void end() {
    producer.destroy();
    kinesis.deleteStream(r -> r.streamName(STREAM));
    kinesis.waiter().waitUntilStreamNotExists(r -> r.streamName(STREAM));
  }

  /** Records of all sorts, no two alike. */
  static List<Order> orders() {
    byte[] everyByte = new byte[256];
    for (int i = 0; i < everyByte.length; i++) {
      everyByte[i] = (byte) i;
    }
    List<Order> orders = new ArrayList<>();
    for (String key : List.of("k", "клиент-17", "顧客", CRAB, "é".repeat(256), "x".repeat(256), "\t\"\\/\u2028")) {
      orders.add(new Order(key, null, everyByte));
      orders.add(new Order(key, null, new byte[0]));
    }
    BigInteger half = BigInteger.ONE.shiftLeft(127);
    for (BigInteger hashKey : List.of(BigInteger.ZERO, half, half.shiftLeft(1).subtract(BigInteger.ONE))) {
      orders.add(new Order("hash " + hashKey, hashKey.toString(), everyByte));
    }
    Random random = new Random(1);
    for (int i = 0; i < 500; i++) {
      orders.add(new Order("customer-" + i, null, ("order " + i).getBytes()));
    }
    for (int size : new int[] {100_000, 100_000, 100_000, 100_000, 100_000, 100_000, 1_000_000}) {
      byte[] data = new byte[size];
      random.nextBytes(data);
      orders.add(new Order("large", null, data));
    }
    return orders;
  }

  public static void main(String[] args) throws Exception {
    boolean aggregate = Boolean.parseBoolean(args[2]);
    Producer producer = new Producer(URI.create(args[0]), args[1], aggregate, args[3]);
    producer.put(orders());
    int records = producer.readBack();
    // The library aggregates once it knows the shards.
    for (int turn = 0; producer.throttled == 0 || aggregate && records == producer.stored.size(); turn++) {
      List<Order> orders = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        orders.add(new Order("customer-" + i, null, ("order " + i + " of turn " + turn).getBytes()));
      }
      producer.put(orders);
      records = producer.readBack();
    }
    producer.end();
    System.out.println("amazon-kinesis-producer " + version() + ", " + producer.stored.size() + " records put as " + records + ", "
        + producer.throttled + " times throttled");
    System.exit(0);
  }

  static String version() throws Exception {
    var properties = new java.util.Properties();
    try (InputStream in = KinesisProducer.class.getResourceAsStream("/META-INF/maven/software.amazon.kinesis/amazon-kinesis-producer/pom.properties")) {
      properties.load(Objects.requireNonNull(in));
    }
    return properties.getProperty("version");
  }
}

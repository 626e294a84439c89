import java.io.PrintStream;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * Reads a stream by the Kinesis Client Library until its standard input ends, and tells a line for each thing that happens. The
 * arguments are the endpoint, that of the DynamoDB for its leases, and the stream and application.
 */
public class Consumer {
  static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

  /** Tells what happened: words without blanks, as in a URL. */
  static void tell(String... words) {
    StringBuilder line = new StringBuilder();
    for (String word : words) {
      line.append(line.isEmpty() ? "" : " ").append(URLEncoder.encode(word, StandardCharsets.UTF_8));
    }
    synchronized (OUT) {
      OUT.println(line);
      OUT.flush();
    }
  }

  static class Processor implements ShardRecordProcessor {
    private String shard;

    public void initialize(InitializationInput input) {
      shard = input.shardId();
      tell("started", shard);
    }

    public void processRecords(ProcessRecordsInput input) {
      for (KinesisClientRecord record : input.records()) {
        byte[] data = new byte[record.data().remaining()];
        record.data().get(data);
        tell("read", shard, record.partitionKey(), new String(data, StandardCharsets.UTF_8));
      }
    }

    public void leaseLost(LeaseLostInput input) {}

    public void shardEnded(ShardEndedInput input) {
      tell("ended", shard);
      checkpoint(() -> input.checkpointer().checkpoint());
    }

    public void shutdownRequested(ShutdownRequestedInput input) {
      checkpoint(() -> input.checkpointer().checkpoint());
      tell("left", shard);
    }

    interface Checkpoint {
      void set() throws InvalidStateException, ShutdownException;
    }

    static void checkpoint(Checkpoint checkpoint) {
      try {
        checkpoint.set();
      } catch (InvalidStateException | ShutdownException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  public static void main(String[] args) throws Exception {
    URI endpoint = URI.create(args[0]), leases = URI.create(args[1]);
    String stream = args[2], application = args[3];
    var credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create("local", "local"));
    KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(
        KinesisAsyncClient.builder().endpointOverride(endpoint).region(Region.US_EAST_1).credentialsProvider(credentials));
    DynamoDbAsyncClient dynamo =
        DynamoDbAsyncClient.builder().endpointOverride(leases).region(Region.US_EAST_1).credentialsProvider(credentials).build();
    CloudWatchAsyncClient unused = CloudWatchAsyncClient.builder().region(Region.US_EAST_1).credentialsProvider(credentials).build();
    ConfigsBuilder configs = new ConfigsBuilder(
        new SingleStreamTracker(stream, InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON)),
        application, kinesis, dynamo, unused, "the only worker", Processor::new);
    // The default intervals are for many workers on many machines. No lease must be lost because this machine is slow.
    Scheduler scheduler = new Scheduler(
        configs.checkpointConfig(),
        configs.coordinatorConfig()
            .parentShardPollIntervalMillis(200)
            .shardConsumerDispatchPollIntervalMillis(100)
            .skipShardSyncAtWorkerInitializationIfLeasesExist(true),
        configs.leaseManagementConfig()
            .failoverTimeMillis(60_000)
            .leaseAssignmentIntervalMillis(1000L)
            .shardSyncIntervalMillis(200),
        configs.lifecycleConfig(),
        configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
        configs.processorConfig(),
        configs.retrievalConfig().retrievalSpecificConfig(
            new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200)));
    Thread running = new Thread(scheduler);
    running.start();
    while (System.in.read() >= 0) {}
    boolean graceful = scheduler.startGracefulShutdown().get();
    running.join();
    tell("stopped", graceful ? "gracefully" : "abruptly");
    System.exit(graceful ? 0 : 1);
  }
}

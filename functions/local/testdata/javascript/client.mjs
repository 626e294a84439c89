// Takes streams around the loop by the AWS SDK for JavaScript: node client.mjs PROTOCOL URL URL_WHERE_RECORDS_FAIL.
// PROTOCOL is h2, which the SDK speaks by itself, or http/1.1.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import * as kinesis from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const CRAB = "\u{1f980}";
const KEYS = ["k", "клиент-17", "顧客", CRAB, CRAB.repeat(256), "é".repeat(256), "x".repeat(256), '\t"\\/\u2028\0'];
const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, i) => i);
const HI = Buffer.from("hi");

// connect returns a client of one attempt each, so that no retry hides a fault.
function connect(protocol, endpoint) {
  const requestHandler = protocol === "http/1.1" ? new NodeHttpHandler() : undefined;
  const client = new kinesis.Kinesis({ endpoint, maxAttempts: 1, requestHandler });
  assert.equal(client.config.requestHandler.metadata.handlerProtocol, protocol);
  return client;
}

const refused = (error, text, call) =>
  assert.rejects(call, (e) => {
    assert.ok(e instanceof error, `${e} is not a ${error.name}`);
    assert.ok(`${e.name}: ${e.message}`.includes(text), `${e} does not say ${text}`);
    return true;
  });

async function shardsOf(client, StreamName) {
  const shards = [];
  let page = await client.listShards({ StreamName, MaxResults: 3 });
  for (;;) {
    shards.push(...page.Shards);
    if (page.NextToken === undefined) return shards;
    page = await client.listShards({ NextToken: page.NextToken, MaxResults: 3 });
  }
}

const hashOf = (key) => BigInt("0x" + createHash("md5").update(key).digest("hex"));

const owner = (shards, hashKey) =>
  shards.find(({ HashKeyRange: owned }) => BigInt(owned.StartingHashKey) <= hashKey && hashKey <= BigInt(owned.EndingHashKey)).ShardId;

// where and what are how the records that were stored and those that were found are compared.
const where = (shard, number) => `${shard} ${number}`;
const what = (key, data) => [key, Buffer.from(data).toString("base64")];

// put puts the records, again where they fail, adds them to stored, and returns how many failed.
async function put(client, StreamName, records, stored) {
  let failures = 0;
  while (records.length > 0) {
    const answer = await client.putRecords({ StreamName, Records: records });
    assert.equal(answer.Records.length, records.length);
    const failed = records.filter((record, i) => {
      const { ErrorCode, ErrorMessage, ShardId, SequenceNumber } = answer.Records[i];
      if (ErrorCode !== undefined) {
        assert.equal(ErrorCode, "ProvisionedThroughputExceededException");
        assert.match(ErrorMessage, /^Rate exceeded for shard/);
        return true;
      }
      assert.ok(!stored.has(where(ShardId, SequenceNumber)), `${ShardId} ${SequenceNumber} was given twice`);
      stored.set(where(ShardId, SequenceNumber), what(record.PartitionKey, record.Data));
      return false;
    });
    assert.equal(answer.FailedRecordCount, failed.length);
    failures += failed.length;
    records = failed;
  }
  return failures;
}

// read returns what every shard holds, as put has it.
async function read(client, StreamName) {
  const found = new Map();
  for (const { ShardId } of await shardsOf(client, StreamName)) {
    let { ShardIterator } = await client.getShardIterator({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" });
    let last = -1n;
    for (;;) {
      const answer = await client.getRecords({ ShardIterator });
      for (const { PartitionKey, Data, SequenceNumber, ApproximateArrivalTimestamp } of answer.Records) {
        assert.ok(BigInt(SequenceNumber) > last, `${ShardId}: ${SequenceNumber} comes after ${last}`);
        last = BigInt(SequenceNumber);
        const age = Date.now() - ApproximateArrivalTimestamp;
        assert.ok(Math.abs(age) < 300_000, `a record came ${age} ms ago`);
        found.set(where(ShardId, SequenceNumber), what(PartitionKey, Data));
      }
      if (answer.Records.length === 0 && answer.MillisBehindLatest === 0) break;
      ShardIterator = answer.NextShardIterator;
    }
  }
  return found;
}

async function writeAndRead(client) {
  await client.createStream({ StreamName: "orders", ShardCount: 4 });
  await kinesis.waitUntilStreamExists({ client, maxWaitTime: 30 }, { StreamName: "orders" });
  const shards = await shardsOf(client, "orders");
  assert.equal(shards.length, 4);

  const stored = new Map();
  const small = KEYS.map((PartitionKey) => ({ PartitionKey, Data: EVERY_BYTE }));
  await put(client, "orders", [...small, { PartitionKey: "k", Data: new Uint8Array() }], stored);
  const large = Array.from({ length: 8 }, (_, i) => ({ PartitionKey: `large-${i}`, Data: randomBytes(100_000) }));
  await put(client, "orders", large, stored);
  await put(client, "orders", [{ PartitionKey: "largest", Data: randomBytes(1 << 20) }], stored);
  assert.equal(stored.size, KEYS.length + 10);
  const together = Array.from({ length: 20 }, (_, i) => [{ PartitionKey: `together-${i}`, Data: randomBytes(20_000) }]);
  await Promise.all(together.map((records) => put(client, "orders", records, stored)));
  for (const [at, [key]] of stored) assert.equal(at.split(" ")[0], owner(shards, hashOf(key)), `shard of ${key}`);

  for (const hashKey of [0n, 2n ** 127n, 2n ** 128n - 1n]) {
    const record = { PartitionKey: CRAB, ExplicitHashKey: `${hashKey}`, Data: EVERY_BYTE };
    const answer = await client.putRecord({ StreamName: "orders", ...record });
    assert.equal(answer.ShardId, owner(shards, hashKey));
    assert.ok(answer.$metadata.requestId, "putRecord was answered without a request id");
    stored.set(where(answer.ShardId, answer.SequenceNumber), what(CRAB, EVERY_BYTE));
  }
  assert.deepEqual(sorted(await read(client, "orders")), sorted(stored));
}

const sorted = (records) => [...records].sort();

async function refusals(client) {
  const StreamName = "orders";
  const one = { PartitionKey: "k", Data: HI };
  const { ResourceNotFoundException, ResourceInUseException, InvalidArgumentException, KinesisServiceException } = kinesis;
  await refused(ResourceNotFoundException, "Stream nothing under account", () => client.describeStream({ StreamName: "nothing" }));
  await refused(ResourceNotFoundException, "Stream nothing under account", () => client.putRecords({ StreamName: "nothing", Records: [one] }));
  await refused(ResourceNotFoundException, "", () =>
    client.getShardIterator({ StreamName, ShardId: "shardId-000000000009", ShardIteratorType: "LATEST" }));
  await refused(ResourceInUseException, "orders", () => client.createStream({ StreamName, ShardCount: 1 }));
  await refused(InvalidArgumentException, "ExplicitHashKey", () => client.putRecord({ StreamName, ...one, ExplicitHashKey: `${2n ** 128n}` }));
  await refused(InvalidArgumentException, "less than or equal to 500", () => client.putRecords({ StreamName, Records: Array(501).fill(one) }));
  await refused(InvalidArgumentException, "partitionKey", () => client.putRecord({ StreamName, PartitionKey: CRAB.repeat(257), Data: HI }));
  await refused(InvalidArgumentException, "partitionKey", () => client.putRecord({ StreamName, PartitionKey: "", Data: HI }));
  await refused(InvalidArgumentException, "", () => client.getRecords({ ShardIterator: "nonsense" }));
  const { StreamARN } = (await client.describeStream({ StreamName })).StreamDescription;
  await refused(KinesisServiceException, "UnknownOperationException", () => client.registerStreamConsumer({ StreamARN, ConsumerName: "c" }));
}

async function pages(client) {
  const names = ["orders-0", "orders-1", "orders-2", "orders-3"];
  for (const StreamName of names) await client.createStream({ StreamName, ShardCount: 1 });
  const listed = [];
  for await (const page of kinesis.paginateListStreams({ client, pageSize: 2 }, {})) listed.push(page.StreamNames);
  assert.deepEqual(listed, [["orders", "orders-0"], ["orders-1", "orders-2"], ["orders-3"]]);
  for (const StreamName of ["orders", ...names]) {
    await client.deleteStream({ StreamName });
    await kinesis.waitUntilStreamNotExists({ client, maxWaitTime: 30 }, { StreamName });
  }
  assert.deepEqual((await client.listStreams({})).StreamNames, []);
}

async function partialFailures(client) {
  const StreamName = "orders";
  await client.createStream({ StreamName, ShardCount: 2 });
  await kinesis.waitUntilStreamExists({ client, maxWaitTime: 30 }, { StreamName });
  const stored = new Map();
  const records = Array.from({ length: 400 }, (_, i) => ({ PartitionKey: `${i}`, Data: Buffer.from(`order ${i}`) }));
  assert.ok((await put(client, StreamName, records, stored)) > 0, "no record failed");
  assert.equal(stored.size, 400);
  for (let thrown = false; !thrown; ) {
    try {
      const answer = await client.putRecord({ StreamName, PartitionKey: "alone", Data: HI });
      stored.set(where(answer.ShardId, answer.SequenceNumber), what("alone", HI));
    } catch (e) {
      if (!(e instanceof kinesis.ProvisionedThroughputExceededException)) throw e;
      thrown = true;
    }
  }
  const found = sorted(await read(client, StreamName));
  assert.deepEqual(found, sorted(stored));
  const keys = found.map(([, [key]]) => key).filter((key) => key !== "alone");
  assert.deepEqual(keys.sort(), records.map((record) => record.PartitionKey).sort());
}

const [protocol, url, failing] = process.argv.slice(2);
const client = connect(protocol, url);
await writeAndRead(client);
await refusals(client);
await pages(client);
client.destroy();
const refusing = connect(protocol, failing);
await partialFailures(refusing);
refusing.destroy();
const { version } = JSON.parse(readFileSync(new URL("node_modules/@aws-sdk/client-kinesis/package.json", import.meta.url)));
console.log(`client-kinesis ${version}, ${protocol}, Node.js ${process.versions.node}`);

"""Takes streams around the loop by boto3: python3 client.py URL URL_WHERE_RECORDS_FAIL."""

import datetime
import hashlib
import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CRAB = "\U0001f980"
KEYS = ["k", "клиент-17", "顧客", CRAB, 256 * CRAB, 256 * "é", 256 * "x", '\t"\\/\u2028\x00']
EVERY_BYTE = bytes(range(256))


def kinesis(url):
    """One attempt each, so that no retry hides a fault."""
    return boto3.client("kinesis", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))


def equal(got, want, what):
    assert got == want, f"{what}: got {got!r:.300}, want {want!r:.300}"


def refused(error, text, call, **arguments):
    try:
        call(**arguments)
    except error as e:
        assert type(e) is error or error is ClientError, f"{call.__name__}: {e!r} is not just a {error}"
        message = f"{e.response['Error']['Code']}: {e.response['Error']['Message']}"
        assert text in message, f"{call.__name__}: {message}"
        return
    raise AssertionError(f"{call.__name__} was answered, want {error}")


def shards_of(client, stream):
    pages = client.get_paginator("list_shards").paginate(StreamName=stream)
    return [shard for page in pages for shard in page["Shards"]]


def owner(shards, hash_key):
    for shard in shards:
        owned = shard["HashKeyRange"]
        if int(owned["StartingHashKey"]) <= hash_key <= int(owned["EndingHashKey"]):
            return shard["ShardId"]
    raise AssertionError(f"no shard owns {hash_key}")


def hash_of(key):
    return int.from_bytes(hashlib.md5(key.encode()).digest(), "big")


def put(client, stream, records):
    """Puts the records, again where they fail, and returns {(shard, sequence number): (key, data)} and how many failed."""
    stored, failures = {}, 0
    while records:
        answer = client.put_records(StreamName=stream, Records=records)
        equal(len(answer["Records"]), len(records), "answers to put_records")
        failed = []
        for record, result in zip(records, answer["Records"]):
            if "ErrorCode" in result:
                equal(result["ErrorCode"], "ProvisionedThroughputExceededException", "ErrorCode")
                assert result["ErrorMessage"].startswith("Rate exceeded for shard"), result["ErrorMessage"]
                failed.append(record)
                continue
            where = result["ShardId"], result["SequenceNumber"]
            assert where not in stored, f"{where} was given twice"
            stored[where] = record["PartitionKey"], record["Data"]
        equal(answer["FailedRecordCount"], len(failed), "FailedRecordCount")
        failures += len(failed)
        records = failed
    return stored, failures


def read(client, stream):
    """Returns what every shard holds, as put does."""
    found = {}
    for shard in shards_of(client, stream):
        at = client.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        last = -1
        while True:
            answer = client.get_records(ShardIterator=at)
            for record in answer["Records"]:
                number = int(record["SequenceNumber"])
                assert number > last, f"{shard['ShardId']}: {number} comes after {last}"
                last = number
                age = datetime.datetime.now(datetime.timezone.utc) - record["ApproximateArrivalTimestamp"]
                assert abs(age) < datetime.timedelta(minutes=5), f"a record came {age} ago"
                found[shard["ShardId"], record["SequenceNumber"]] = record["PartitionKey"], record["Data"]
            if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                break
            at = answer["NextShardIterator"]
    return found


def write_and_read(client):
    client.create_stream(StreamName="orders", ShardCount=4)
    client.get_waiter("stream_exists").wait(StreamName="orders")
    shards = shards_of(client, "orders")
    equal(len(shards), 4, "shards")

    stored, _ = put(client, "orders", [{"PartitionKey": key, "Data": EVERY_BYTE} for key in KEYS] + [{"PartitionKey": "k", "Data": b""}])
    large, _ = put(client, "orders", [{"PartitionKey": f"large-{i}", "Data": os.urandom(100_000)} for i in range(8)])
    largest, _ = put(client, "orders", [{"PartitionKey": "largest", "Data": os.urandom(1 << 20)}])
    stored |= large | largest
    equal(len(stored), len(KEYS) + 10, "records that were stored")
    for (shard, _), (key, _) in stored.items():
        equal(shard, owner(shards, hash_of(key)), f"shard of {key!r}")

    for hash_key in 0, 2**127, 2**128 - 1:
        answer = client.put_record(StreamName="orders", PartitionKey=CRAB, ExplicitHashKey=str(hash_key), Data=EVERY_BYTE)
        equal(answer["ShardId"], owner(shards, hash_key), f"shard of the hash key {hash_key}")
        assert answer["ResponseMetadata"]["RequestId"], "put_record was answered without a request id"
        stored[answer["ShardId"], answer["SequenceNumber"]] = CRAB, EVERY_BYTE
    equal(read(client, "orders"), stored, "records read back")


def refusals(client):
    e = client.exceptions
    one = [{"PartitionKey": "k", "Data": b"hi"}]
    refused(e.ResourceNotFoundException, "Stream nothing under account", client.describe_stream, StreamName="nothing")
    refused(e.ResourceNotFoundException, "Stream nothing under account", client.put_records, StreamName="nothing", Records=one)
    refused(e.ResourceNotFoundException, "", client.get_shard_iterator,
            StreamName="orders", ShardId="shardId-000000000009", ShardIteratorType="LATEST")
    refused(e.ResourceInUseException, "orders", client.create_stream, StreamName="orders", ShardCount=1)
    refused(e.InvalidArgumentException, "ExplicitHashKey", client.put_record,
            StreamName="orders", PartitionKey="k", Data=b"hi", ExplicitHashKey=str(2**128))
    refused(e.InvalidArgumentException, "less than or equal to 500", client.put_records, StreamName="orders", Records=501 * one)
    refused(e.InvalidArgumentException, "partitionKey", client.put_record, StreamName="orders", PartitionKey=257 * CRAB, Data=b"hi")
    refused(e.InvalidArgumentException, "", client.get_records, ShardIterator="nonsense")
    refused(ClientError, "UnknownOperationException", client.register_stream_consumer,
            StreamARN=client.describe_stream(StreamName="orders")["StreamDescription"]["StreamARN"], ConsumerName="c")


def pages(client):
    names = [f"orders-{i}" for i in range(4)]
    for name in names:
        client.create_stream(StreamName=name, ShardCount=1)
    listed = list(client.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2}))
    equal([page["StreamNames"] for page in listed], [["orders", "orders-0"], ["orders-1", "orders-2"], ["orders-3"]], "list_streams")
    for name in ["orders"] + names:
        client.delete_stream(StreamName=name)
        client.get_waiter("stream_not_exists").wait(StreamName=name)
    equal(client.list_streams()["StreamNames"], [], "streams after they were deleted")


def partial_failures(client):
    client.create_stream(StreamName="orders", ShardCount=2)
    client.get_waiter("stream_exists").wait(StreamName="orders")
    stored, failures = put(client, "orders", [{"PartitionKey": f"{i}", "Data": f"order {i}".encode()} for i in range(400)])
    assert failures > 0, "no record failed"
    thrown = 0
    while thrown == 0:
        try:
            answer = client.put_record(StreamName="orders", PartitionKey="k", Data=b"alone")
            stored[answer["ShardId"], answer["SequenceNumber"]] = "k", b"alone"
        except client.exceptions.ProvisionedThroughputExceededException:
            thrown += 1
    found = read(client, "orders")
    equal(found, stored, "records read back")
    equal(sorted(data for _, data in found.values() if data != b"alone"), sorted(f"order {i}".encode() for i in range(400)), "records, each once")


def main():
    client = kinesis(sys.argv[1])
    write_and_read(client)
    refusals(client)
    pages(client)
    partial_failures(kinesis(sys.argv[2]))
    print(f"boto3 {boto3.__version__}, Python {sys.version.split()[0]}")


main()

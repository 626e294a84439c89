package kinesis_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/pkg/kinesis"
)

func TestErrors(t *testing.T) {
	const account = "111111111111"
	created := time.Date(2026, 1, 2, 4, 4, 5, 0, time.FixedZone("CET", 3600))
	tests := []struct {
		name   string
		err    *kinesis.Error
		status int
		body   string
		text   string
	}{
		{"argument", kinesis.InvalidArgument("no"), 400,
			`{"__type":"InvalidArgumentException","message":"no"}`, "InvalidArgumentException: no"},
		{"not found", kinesis.ResourceNotFound("orders", account), 400,
			`{"__type":"ResourceNotFoundException","message":"Stream orders under account 111111111111 not found."}`,
			"ResourceNotFoundException: Stream orders under account 111111111111 not found."},
		{"in use", kinesis.ResourceInUse("orders", account), 400,
			`{"__type":"ResourceInUseException","message":"Stream orders under account 111111111111 already exists."}`,
			"ResourceInUseException: Stream orders under account 111111111111 already exists."},
		{"not active", kinesis.StreamNotActive("orders", account, kinesis.StatusUpdating), 400,
			`{"__type":"ResourceInUseException","message":"Stream orders under account 111111111111 not ACTIVE, instead in state UPDATING"}`,
			"ResourceInUseException: Stream orders under account 111111111111 not ACTIVE, instead in state UPDATING"},
		{"on demand", kinesis.StreamOnDemand("orders", account), 400,
			`{"__type":"ValidationException","message":"Request is invalid. Stream orders under account 111111111111 is in On-Demand mode."}`,
			"ValidationException: Request is invalid. Stream orders under account 111111111111 is in On-Demand mode."},
		{"expired iterator", kinesis.ExpiredIterator(created, created.Add(5*time.Minute+time.Second)), 400,
			`{"__type":"ExpiredIteratorException","message":"Iterator expired. The iterator was created at time Fri Jan 02 03:04:05 UTC 2026 ` +
				`while right now it is Fri Jan 02 03:09:06 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds."}`,
			"ExpiredIteratorException: Iterator expired. The iterator was created at time Fri Jan 02 03:04:05 UTC 2026 " +
				"while right now it is Fri Jan 02 03:09:06 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds."},
		{"no iterator", kinesis.InvalidIterator(), 400,
			`{"__type":"InvalidArgumentException","message":"Invalid ShardIterator."}`, "InvalidArgumentException: Invalid ShardIterator."},
		{"expired token", kinesis.ExpiredNextToken(), 400,
			`{"__type":"ExpiredNextTokenException","message":"NextToken expired. A token can be used for 300 seconds."}`,
			"ExpiredNextTokenException: NextToken expired. A token can be used for 300 seconds."},
		{"no token", kinesis.InvalidNextToken(), 400,
			`{"__type":"InvalidArgumentException","message":"Invalid NextToken."}`, "InvalidArgumentException: Invalid NextToken."},
		{"throttling", kinesis.Throttling("Rate exceeded"), 400,
			`{"__type":"ThrottlingException","message":"Rate exceeded"}`, "ThrottlingException: Rate exceeded"},
		{"limit", kinesis.LimitExceeded("too many"), 400,
			`{"__type":"LimitExceededException","message":"too many"}`, "LimitExceededException: too many"},
		{"throughput", kinesis.ProvisionedThroughputExceeded(kinesis.ShardID(1), "orders", account), 400,
			`{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded for shard shardId-000000000001 in stream orders under account 111111111111."}`,
			"ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000001 in stream orders under account 111111111111."},
		{"internal", kinesis.InternalFailure(), 500,
			`{"__type":"InternalFailure","message":"Internal service failure."}`, "InternalFailure: Internal service failure."},
		{"unknown operation", kinesis.UnknownOperation(), 400,
			`{"__type":"UnknownOperationException"}`, "UnknownOperationException"},
		{"method", kinesis.AccessDeniedMethod(), 403,
			`{"__type":"AccessDeniedException","message":"Unable to determine service/operation name to be authorized"}`,
			"AccessDeniedException: Unable to determine service/operation name to be authorized"},
		{"too large", kinesis.RequestEntityTooLarge(), 413,
			`{"__type":"RequestEntityTooLargeException","message":"Request body must not be longer than 10485760 bytes"}`,
			"RequestEntityTooLargeException: Request body must not be longer than 10485760 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.err.Status != test.status {
				t.Errorf("status %d, want %d", test.err.Status, test.status)
			}
			if got := string(kinesis.JSON.EncodeError(nil, test.err)); got != test.body {
				t.Errorf("body %s\nwant %s", got, test.body)
			}
			if got := test.err.Error(); got != test.text {
				t.Errorf("text %q, want %q", got, test.text)
			}
		})
	}
}

func TestShardID(t *testing.T) {
	for index, want := range map[uint32]string{
		0:          "shardId-000000000000",
		999:        "shardId-000000000999",
		4294967295: "shardId-004294967295",
	} {
		if got := kinesis.ShardID(index); got != want {
			t.Errorf("shard %d: %q, want %q", index, got, want)
		}
	}
}

func TestParseShardID(t *testing.T) {
	for id, want := range map[string]uint32{
		"shardId-000000000000": 0, "shardId-000000000012": 12, "shardId-5": 5, "shard-5": 5, "any_name.5-007": 7, "-00002147483647": 2147483647,
		"0": 0, "42": 42, "000000000000000042": 42, "2147483647": 2147483647,
	} {
		if got, ok := kinesis.ParseShardID(id); !ok || got != want {
			t.Errorf("%q: %d, %t, want %d", id, got, ok, want)
		}
	}
	for _, id := range []string{
		"", "-", "5-", "shardId-", "shardId", "ABKLFD8", "2.14E4", "+5", "shardId-+5", "--5", "a-b-5", "a-5-6", "a-5b", " 5", "٥",
		"2147483648", "shardId-002147483648", "99999999999999999999999",
	} {
		if got, ok := kinesis.ParseShardID(id); ok {
			t.Errorf("%q: %d, want none", id, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		index := rapid.Uint32Max(1<<31-1).Draw(t, "index")
		if got, ok := kinesis.ParseShardID(kinesis.ShardID(index)); !ok || got != index {
			t.Fatalf("%s: %d, %t", kinesis.ShardID(index), got, ok)
		}
	})
}

func TestStreamARN(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1":  "arn:aws:kinesis:eu-central-1:111111111111:stream/orders",
		"cn-north-1":    "arn:aws-cn:kinesis:cn-north-1:111111111111:stream/orders",
		"us-gov-west-1": "arn:aws-us-gov:kinesis:us-gov-west-1:111111111111:stream/orders",
	} {
		got := kinesis.StreamARN(region, "111111111111", "orders")
		if got != want {
			t.Errorf("%s: %q, want %q", region, got, want)
		}
		in := kinesis.DescribeStreamSummaryInput{StreamARN: got}
		if err := in.Validate(); err != nil {
			t.Errorf("%s: %v", region, err)
		}
		if in.Stream() != "orders" {
			t.Errorf("%s: stream %q", region, in.Stream())
		}
	}
}

package kinesis_test

import (
	"testing"

	"millrace/pkg/kinesis"
)

func TestErrors(t *testing.T) {
	const account = "111111111111"
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
		{"denied", kinesis.AccessDenied("User u is not authorized"), 400,
			`{"__type":"AccessDeniedException","message":"User u is not authorized"}`, "AccessDeniedException: User u is not authorized"},
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

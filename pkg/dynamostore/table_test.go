package dynamostore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"millrace/pkg/dynamostore"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/storetest"
)

// TestOpenCreatesTable: a local DynamoDB needs no table made by hand, also where several processes open it at once.
func TestOpenCreatesTable(t *testing.T) {
	config := dynamostore.Config{Table: "opened-by-many", Endpoint: local.Endpoint(t)}
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			_, err := dynamostore.Open(t.Context(), config)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	client := local.Client(t)
	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &config.Table})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, k := range out.Table.KeySchema {
		keys = append(keys, *k.AttributeName+" "+string(k.KeyType))
	}
	if got := strings.Join(keys, ", "); got != "pk HASH, sk RANGE" {
		t.Errorf("keys are %s", got)
	}
	if b := out.Table.BillingModeSummary; b == nil || b.BillingMode != types.BillingModePayPerRequest {
		t.Errorf("billing is %+v", b)
	}
	ttl, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &config.Table})
	if err != nil || ttl.TimeToLiveDescription.AttributeName == nil || *ttl.TimeToLiveDescription.AttributeName != "expires" {
		t.Errorf("expiry is %+v, error %v", ttl.TimeToLiveDescription, err)
	}
	s, err := dynamostore.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateStream(t.Context(), storetest.NewStream("orders", "a1", 1)); err != nil {
		t.Error(err)
	}
}

// TestNoCredentials: a call that could not be signed was certainly not applied.
func TestNoCredentials(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_ROLE_ARN": "",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
	} {
		t.Setenv(name, value)
	}
	s, err := dynamostore.Open(t.Context(), dynamostore.Config{Table: "t", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	for op, err := range everyOp(t.Context(), s) {
		if !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", op, err)
		}
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := dynamostore.Open(t.Context(), dynamostore.Config{Table: "t"}); err == nil {
		t.Error("a store was opened without a region")
	}
}

// TestNoRetries: the client makes a call once, whatever comes of it.
func TestNoRetries(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "5")
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for name, config := range map[string]dynamostore.Config{
		"local": {Endpoint: "http://127.0.0.1:1"},
		"AWS":   {Region: "eu-west-1"},
	} {
		client, err := dynamostore.NewClient(context.Background(), config)
		if err != nil {
			t.Fatal(err)
		}
		o := client.Options()
		if o.Retryer.IsErrorRetryable(&types.ThrottlingException{}) || o.Retryer.IsErrorRetryable(&types.InternalServerError{}) {
			t.Errorf("%s: the client retries by itself", name)
		}
	}
}

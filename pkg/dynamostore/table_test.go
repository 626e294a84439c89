package dynamostore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
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
	nothing := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("there are none")
	})
	endpoint := "http://127.0.0.1:1"
	s, err := dynamostore.Open(t.Context(), dynamostore.Config{
		Table: "t", AWS: aws.Config{Region: "eu-west-1", Credentials: nothing, BaseEndpoint: &endpoint},
	})
	if err != nil {
		t.Fatal(err)
	}
	for op, err := range everyOp(t.Context(), s) {
		if !errors.Is(err, shardlog.ErrRefused) {
			t.Errorf("%s: %v, want ErrRefused", op, err)
		}
	}
}

// TestNoRetries: the client makes a call once, whatever comes of it.
func TestNoRetries(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "5")
	for name, config := range map[string]dynamostore.Config{
		"local": {Endpoint: "http://127.0.0.1:1"},
		"AWS":   {AWS: aws.Config{Region: "eu-west-1", RetryMaxAttempts: 5}},
	} {
		o := dynamostore.NewClient(config).Options()
		if o.Retryer.IsErrorRetryable(&types.ThrottlingException{}) || o.Retryer.IsErrorRetryable(&types.InternalServerError{}) {
			t.Errorf("%s: the client retries by itself", name)
		}
	}
}

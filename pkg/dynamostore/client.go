package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// localRegion is the region of a DynamoDB on this machine where the configuration names none.
const localRegion = "us-east-1"

// errCredentials: a call was not made because there was nothing to sign it with.
var errCredentials = errors.New("no credentials")

// Config says where the table is.
type Config struct {
	Table string
	// Region is the table's. Empty: as the AWS SDK finds it, in AWS_REGION or the shared configuration.
	Region string
	// Endpoint, if not empty, is the URL of a DynamoDB on this machine, such as DynamoDB Local. It gets credentials that
	// mean nothing. Empty: AWS, or what AWS_ENDPOINT_URL_DYNAMODB names, with credentials as the AWS SDK finds them.
	Endpoint string
}

// Open returns a store with a client of its own. At an Endpoint it first creates the table where that is missing; on
// AWS the table is the deployment's to create.
func Open(ctx context.Context, c Config) (*Store, error) {
	client, err := NewClient(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.Endpoint != "" {
		if err := CreateTable(ctx, client, c.Table); err != nil {
			return nil, err
		}
	}
	return New(client, c.Table), nil
}

// NewClient returns a client as a [Store] needs it: it makes each call once, and leaves it to package shardlog to try again.
func NewClient(ctx context.Context, c Config) (*dynamodb.Client, error) {
	if c.Endpoint != "" {
		region := c.Region
		if region == "" {
			region = localRegion
		}
		return dynamodb.New(dynamodb.Options{
			Region:       region,
			BaseEndpoint: &c.Endpoint,
			Credentials:  credentials.NewStaticCredentialsProvider("millrace", "millrace", ""),
			Retryer:      aws.NopRetryer{},
			HTTPClient:   newTransport(),
		}), nil
	}
	var options []func(*config.LoadOptions) error
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		return nil, errors.New("no region is configured: set AWS_REGION")
	}
	return dynamodb.NewFromConfig(loaded, func(o *dynamodb.Options) {
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = newTransport()
		o.Credentials = markedCredentials{o.Credentials}
	}), nil
}

// markedCredentials makes the failure to find credentials known by its type, which the SDK tells in words alone.
type markedCredentials struct {
	aws.CredentialsProvider
}

func (m markedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("%w: %w", errCredentials, err)
	}
	return found, nil
}

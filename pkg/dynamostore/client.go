package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
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
	// AWS is the configuration of the client, unless there is an Endpoint. It has a region.
	AWS aws.Config
	// Endpoint, if not empty, is the URL of a DynamoDB on this machine, such as DynamoDB Local. It gets credentials that
	// mean nothing.
	Endpoint string
	// Region is what the table's region is called at an Endpoint. Default us-east-1.
	Region string
}

// Open returns a store with a client of its own. At an Endpoint it first creates the table where that is missing; on
// AWS the table is the deployment's to create.
func Open(ctx context.Context, c Config) (*Store, error) {
	client := NewClient(c)
	if c.Endpoint != "" {
		if err := CreateTable(ctx, client, c.Table); err != nil {
			return nil, err
		}
	}
	return New(client, c.Table), nil
}

// NewClient returns a client as a [Store] needs it: it makes each call once, and leaves it to package shardlog to try again.
func NewClient(c Config) *dynamodb.Client {
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
		})
	}
	return dynamodb.NewFromConfig(c.AWS, func(o *dynamodb.Options) {
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = newTransport()
		o.Credentials = markedCredentials{o.Credentials}
	})
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

package dynamostore

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	activeWait = 2 * time.Minute
	activePoll = 200 * time.Millisecond
)

// TableAPI is what [CreateTable] calls of DynamoDB.
type TableAPI interface {
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	DescribeTimeToLive(context.Context, *dynamodb.DescribeTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error)
	UpdateTimeToLive(context.Context, *dynamodb.UpdateTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error)
}

// CreateTable creates the table of a store where it is missing, sees to it that it drops what has expired, and returns
// once it can be used. Several processes may do so at once.
func CreateTable(ctx context.Context, client TableAPI, table string) error {
	_, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		_, err = client.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName:   &table,
			BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{
				{AttributeName: aws.String(attrPK), AttributeType: types.ScalarAttributeTypeS},
				{AttributeName: aws.String(attrSK), AttributeType: types.ScalarAttributeTypeS},
			},
			KeySchema: []types.KeySchemaElement{
				{AttributeName: aws.String(attrPK), KeyType: types.KeyTypeHash},
				{AttributeName: aws.String(attrSK), KeyType: types.KeyTypeRange},
			},
		})
		var created *types.ResourceInUseException
		if errors.As(err, &created) { // by another process, meanwhile
			err = nil
		}
	}
	if err != nil {
		return failed(err, "create table %s", table)
	}
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = activePoll, 10*activePoll
	})
	if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &table}, activeWait); err != nil {
		return failed(err, "wait for table %s", table)
	}
	return expireItems(ctx, client, table)
}

// expireItems turns expiry on. DynamoDB refuses to do that a second time, so it is asked first, and again where that failed because
// another process was quicker.
func expireItems(ctx context.Context, client TableAPI, table string) error {
	on, err := expiryOn(ctx, client, table)
	if err != nil || on {
		return err
	}
	_, err = client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(attrExpires), Enabled: aws.Bool(true)},
	})
	if err == nil {
		return nil
	}
	if on, describeErr := expiryOn(ctx, client, table); describeErr == nil && on {
		return nil
	}
	return failed(err, "turn on expiry in table %s", table)
}

func expiryOn(ctx context.Context, client TableAPI, table string) (bool, error) {
	out, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	if err != nil {
		return false, failed(err, "ask for expiry in table %s", table)
	}
	d := out.TimeToLiveDescription
	return d != nil && (d.TimeToLiveStatus == types.TimeToLiveStatusEnabled || d.TimeToLiveStatus == types.TimeToLiveStatusEnabling), nil
}

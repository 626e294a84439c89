// Package dynamokeys keeps access keys in a DynamoDB table of their own, one item a key.
//
// Why there and not in Parameter Store: its GetParametersByPath takes 40 requests a second of a whole account, 100 where more
// is paid for, each of 10 keys (AWS General Reference, "Systems Manager endpoints and quotas"), while Lambda starts 100
// environments a second in a spike (Lambda developer guide, "Lambda scaling behavior"), each of which reads the keys before
// it lets anybody in. What reads them there besides wants a connection to a second service and, by service/ssm, from 0.25 MB
// (v1.74) to 1.4 MB and 2 ms of a start of 3.5 ms (v1.82); here it is one request on a connection that is needed anyway.
// Secrets Manager costs $0.40 a secret and month, idle or not; this table costs nothing while nobody asks.
//
// The table is encrypted by KMS, and apart from that of the streams, so that who may read records may not read secrets. An
// item is `id`, the partition key, and `accessKey`, the key as package keys encodes it.
package dynamokeys

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/keys"
)

const (
	attrID  = "id"
	attrKey = "accessKey"
)

// ErrChanged: the key was changed by somebody else at the same moment, and not by this call.
var ErrChanged = errors.New("the key was changed meanwhile")

// API is what a table calls of DynamoDB. Reading keys takes Scan alone.
type API interface {
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

var _ keys.Source = Table{}

// Table is a table of keys, which the deployment makes. It tries calls again by itself, whatever the client does.
type Table struct {
	api  API
	name string
}

// New returns the table of that name.
func New(client API, name string) Table { return Table{client, name} }

// retried makes a client that tries once, as package dynamostore wants it, try again as the SDK does by default: 3 times.
func retried(o *dynamodb.Options) { o.Retryer = retry.NewStandard() }

// Load implements [keys.Source]. It reads what was written before it, in one request for 1 MB, which is some 2,000 keys.
func (t Table) Load(ctx context.Context) (all []keys.Key, unreadable []error, err error) {
	pages := dynamodb.NewScanPaginator(t.api, &dynamodb.ScanInput{TableName: &t.name, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, retried)
		if err != nil {
			return nil, nil, fmt.Errorf("read the keys in table %s: %w", t.name, err)
		}
		for _, item := range page.Items {
			k, err := decode(item)
			if err != nil {
				unreadable = append(unreadable, err)
				continue
			}
			all = append(all, k)
		}
	}
	return all, unreadable, nil
}

// decode reads an item.
func decode(item map[string]types.AttributeValue) (keys.Key, error) {
	id, _ := item[attrID].(*types.AttributeValueMemberS)
	stored, ok := item[attrKey].(*types.AttributeValueMemberS)
	if id == nil || !ok {
		return keys.Key{}, fmt.Errorf("an item has not the strings %s and %s", attrID, attrKey)
	}
	k, err := keys.Decode([]byte(stored.Value))
	if err == nil && k.ID != id.Value {
		err = fmt.Errorf("it calls itself %s", k.ID)
	}
	if err != nil {
		return keys.Key{}, fmt.Errorf("key %.140q: %w", id.Value, err)
	}
	return k, nil
}

// Add adds a key, or fails with [keys.ErrExists].
func (t Table) Add(ctx context.Context, k keys.Key) error {
	written, err := t.put(ctx, k, &dynamodb.PutItemInput{ConditionExpression: aws.String("attribute_not_exists(" + attrID + ")")})
	switch {
	case err != nil:
		return fmt.Errorf("add key %s to table %s: %w", k.ID, t.name, err)
	case !written:
		return fmt.Errorf("%w: %s", keys.ErrExists, k.ID)
	}
	return nil
}

// SetEnabled enables or disables a key.
func (t Table) SetEnabled(ctx context.Context, id string, enabled bool) error {
	item, err := t.get(ctx, id)
	if err != nil {
		return err
	}
	k, err := decode(item)
	if err != nil {
		return err
	}
	k.Enabled = enabled
	written, err := t.put(ctx, k, &dynamodb.PutItemInput{
		ConditionExpression:       aws.String(attrKey + " = :old"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":old": item[attrKey]},
	})
	switch {
	case err != nil:
		return fmt.Errorf("change key %s in table %s: %w", id, t.name, err)
	case !written:
		return fmt.Errorf("%w: %s", ErrChanged, id)
	}
	return nil
}

// put writes a key on the condition that the input holds, and tells whether it now stands there.
func (t Table) put(ctx context.Context, k keys.Key, in *dynamodb.PutItemInput) (written bool, err error) {
	stored := string(keys.Encode(k))
	in.TableName, in.Item = &t.name, map[string]types.AttributeValue{
		attrID:  &types.AttributeValueMemberS{Value: k.ID},
		attrKey: &types.AttributeValueMemberS{Value: stored},
	}
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, err = t.api.PutItem(ctx, in, retried)
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		// An earlier try of this call, whose answer was lost, may have been applied.
		there, ok := failed.Item[attrKey].(*types.AttributeValueMemberS)
		return ok && there.Value == stored, nil
	}
	return err == nil, err
}

// Delete removes a key, also one that cannot be read.
func (t Table) Delete(ctx context.Context, id string) error {
	if _, err := t.get(ctx, id); err != nil {
		return err
	}
	if _, err := t.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: itemKey(id)}, retried); err != nil {
		return fmt.Errorf("delete key %s in table %s: %w", id, t.name, err)
	}
	return nil
}

// get returns a key's item, or fails with [keys.ErrNotFound].
func (t Table) get(ctx context.Context, id string) (map[string]types.AttributeValue, error) {
	out, err := t.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: itemKey(id), ConsistentRead: aws.Bool(true)}, retried)
	if err != nil {
		return nil, fmt.Errorf("find key %s in table %s: %w", id, t.name, err)
	}
	if len(out.Item) == 0 {
		return nil, fmt.Errorf("%w: %s", keys.ErrNotFound, id)
	}
	return out.Item, nil
}

func itemKey(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrID: &types.AttributeValueMemberS{Value: id}}
}

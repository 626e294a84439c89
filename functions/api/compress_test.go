package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/functions/api/runtimetest"
)

// TestStoresLittle: the function compresses what it stores, which DynamoDB bills by the byte, and reads it back.
func TestStoresLittle(t *testing.T) {
	client, table := shared.dynamo.Table(t)
	function := runtimetest.Start(t, shared.binary, []string{
		"TABLE_NAME=" + table, "AUTH_MODE=IAM", "AWS_ENDPOINT_URL_DYNAMODB=" + shared.dynamo.Endpoint(t),
	})
	var records []object
	sent := 0
	for i := range 100 {
		data := fmt.Appendf(nil, `{"order":%d,"customer":%d,"status":"placed","total":%d.%02d}`, i*7919, i*31%97, i*13%500, i)
		records = append(records, object{"PartitionKey": fmt.Sprint("customer-", i*31%97), "Data": data})
		sent += len(data)
	}
	invokeOK(t, function, "CreateStream", object{"StreamName": "orders", "ShardCount": 1})
	invokeOK(t, function, "PutRecords", object{"StreamName": "orders", "Records": records})

	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	stored := 0
	for _, item := range out.Items {
		if data, ok := item["data"].(*types.AttributeValueMemberB); ok {
			stored += len(data.Value)
		}
	}
	if stored == 0 || stored > sent/3 {
		t.Errorf("%d bytes of records are stored in %d", sent, stored)
	}
	it := invokeOK(t, function, "GetShardIterator", object{
		"StreamName": "orders", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON",
	})["ShardIterator"]
	read, _ := invokeOK(t, function, "GetRecords", object{"ShardIterator": it})["Records"].([]any)
	if len(read) != len(records) {
		t.Errorf("%d records were read of %d", len(read), len(records))
	}
}

// invokeOK sends a request that must succeed, and returns its answer.
func invokeOK(t *testing.T, function *runtimetest.Runtime, action string, body object) object {
	t.Helper()
	a := invoke(t, function, event(action, body))
	var out object
	if a.StatusCode != 200 || a.Body != "" && json.Unmarshal([]byte(a.Body), &out) != nil {
		t.Fatalf("%s: %d %.300s", action, a.StatusCode, a.Body)
	}
	return out
}

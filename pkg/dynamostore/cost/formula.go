package main

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// itemBytes returns an item's size as DynamoDB bills it: the bytes of its attributes' names and values, a number taking a byte for
// two significant digits and one more (developer guide, "DynamoDB item sizes and formats"). It knows the types that
// items of a shard's log have, and panics on others.
func itemBytes(item map[string]types.AttributeValue) (size int) {
	for name, value := range item {
		size += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			size += len(v.Value)
		case *types.AttributeValueMemberB:
			size += len(v.Value)
		case *types.AttributeValueMemberN:
			size += (len(strings.TrimRight(v.Value, "0"))+1)/2 + 1
		default:
			panic(fmt.Sprintf("the size of a %T is not known here", value))
		}
	}
	return size
}

// putUnits returns the write units of putting an item: one for each kilobyte begun (developer guide, "DynamoDB read and
// write operations").
func putUnits(bytes int) float64 { return float64((bytes + 1023) / 1024) }

package dynamostore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/hashkey"
	"millrace/pkg/shardlog"
)

// fields reads an item's attributes and keeps the first error.
type fields struct {
	item item
	err  error
}

func (f *fields) note(name string, err error) {
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%w: attribute %s is missing or not as it should be", errItem, name)
	}
}

func (f *fields) text(name string) string {
	v, ok := f.item[name].(*types.AttributeValueMemberS)
	if !ok {
		f.note(name, errItem)
		return ""
	}
	return v.Value
}

func (f *fields) number(name string) int64 {
	v, ok := f.item[name].(*types.AttributeValueMemberN)
	if !ok {
		f.note(name, errItem)
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	f.note(name, err)
	return n
}

func (f *fields) seconds(name string) time.Duration {
	return time.Duration(f.number(name)) * time.Second
}

func (f *fields) unix(name string) time.Time { return time.Unix(f.number(name), 0).UTC() }

func (f *fields) unixOrNone(name string) time.Time {
	if t := f.unix(name); t.Unix() != 0 {
		return t
	}
	return time.Time{}
}

// texts returns nil for an empty map.
func (f *fields) texts(name string) map[string]string {
	v, ok := f.item[name].(*types.AttributeValueMemberM)
	if !ok {
		f.note(name, errItem)
		return nil
	}
	var m map[string]string
	for key, value := range v.Value {
		t, ok := value.(*types.AttributeValueMemberS)
		if !ok {
			f.note(name, errItem)
			return nil
		}
		if m == nil {
			m = make(map[string]string, len(v.Value))
		}
		m[key] = t.Value
	}
	return m
}

func (f *fields) indexes(name string) []uint32 {
	v, ok := f.item[name].(*types.AttributeValueMemberL)
	if !ok {
		f.note(name, errItem)
		return nil
	}
	indexes := make([]uint32, len(v.Value))
	for i, value := range v.Value {
		element, ok := value.(*types.AttributeValueMemberN)
		if !ok {
			f.note(name, errItem)
			return nil
		}
		n, err := strconv.ParseUint(element.Value, 10, 32)
		f.note(name, err)
		indexes[i] = uint32(n)
	}
	return indexes
}

func (f *fields) binary(name string) []byte {
	v, ok := f.item[name].(*types.AttributeValueMemberB)
	if !ok {
		f.note(name, errItem)
		return nil
	}
	return v.Value
}

func (f *fields) nonce() (n shardlog.Nonce) {
	if copy(n[:], f.binary(attrNonce)) != len(n) {
		f.note(attrNonce, errItem)
	}
	return n
}

func (f *fields) hashKey(name string) hashkey.Key {
	k, err := hashkey.Parse(f.text(name))
	f.note(name, err)
	return k
}

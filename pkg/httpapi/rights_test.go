package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"millrace/pkg/httpapi"
)

const arnOf = "arn:aws:kinesis:us-east-1:111111111111:stream/"

// onStreams has the rest of a good body for each action on a stream: the start of it names the stream.
var onStreams = map[string]string{
	"AddTagsToStream":               `,"Tags":{"b":"2"}`,
	"CreateStream":                  `,"ShardCount":1`,
	"DecreaseStreamRetentionPeriod": `,"RetentionPeriodHours":30`,
	"DeleteStream":                  ``,
	"DescribeStream":                ``,
	"DescribeStreamSummary":         ``,
	"GetRecords":                    ``,
	"GetShardIterator":              `,"ShardId":"shardId-000000000001","ShardIteratorType":"TRIM_HORIZON"`,
	"IncreaseStreamRetentionPeriod": `,"RetentionPeriodHours":72`,
	"ListShards":                    ``,
	"ListTagsForResource":           ``,
	"ListTagsForStream":             ``,
	"MergeShards":                   `,"ShardToMerge":"0","AdjacentShardToMerge":"1"`,
	"PutRecord":                     `,"Data":"aGk=","PartitionKey":"k"`,
	"PutRecords":                    `,"Records":[{"Data":"aGk=","PartitionKey":"k"}]`,
	"RemoveTagsFromStream":          `,"TagKeys":["a"]`,
	"SplitShard":                    `,"ShardToSplit":"0","NewStartingHashKey":"100"`,
	"TagResource":                   `,"Tags":{"b":"2"}`,
	"UntagResource":                 `,"TagKeys":["a"]`,
	"UpdateShardCount":              `,"TargetShardCount":4,"ScalingType":"UNIFORM_SCALING"`,
	"UpdateStreamMode":              `,"StreamModeDetails":{"StreamMode":"ON_DEMAND"}`,
}

// twoStreams is an endpoint behind a door with a right to orders alone, where there are orders and others, or, for an action
// that creates one, neither.
func twoStreams(t *testing.T, action string) *closed {
	t.Helper()
	c := newClosed()
	if action == "CreateStream" {
		return c
	}
	for _, name := range []string{"orders", "others"} {
		for _, request := range []struct{ action, body string }{
			{"CreateStream", `{"StreamName":"` + name + `","ShardCount":2,"Tags":{"a":"1"}}`},
			{"IncreaseStreamRetentionPeriod", `{"StreamName":"` + name + `","RetentionPeriodHours":48}`},
			{"PutRecord", `{"StreamName":"` + name + `","Data":"c2VjcmV0","PartitionKey":"k"}`},
		} {
			if w := c.open.send(request.action, request.body); w.Code != 200 {
				t.Fatalf("%s: %d %s", request.action, w.Code, w.Body)
			}
		}
	}
	return c
}

// member returns what of an answer of the open endpoint stands under a name.
func (c *closed) member(t *testing.T, action, body, name string) string {
	t.Helper()
	var answer map[string]any
	w := c.open.send(action, body)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer[name] == nil {
		t.Fatalf("%s: %d %s", action, w.Code, w.Body)
	}
	return answer[name].(string)
}

func (c *closed) iterator(t *testing.T, stream string) string {
	t.Helper()
	return c.member(t, "GetShardIterator", `{"StreamName":"`+stream+`","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}`, "ShardIterator")
}

func (c *closed) nextToken(t *testing.T, stream string) string {
	t.Helper()
	return c.member(t, "ListShards", `{"StreamName":"`+stream+`","MaxResults":1}`, "NextToken")
}

// state is all that the API tells of a stream.
func (c *closed) state(stream string) string {
	all := ""
	for _, action := range []string{"DescribeStream", "DescribeStreamSummary", "ListTagsForStream"} {
		all += c.open.send(action, `{"StreamName":"`+stream+`"}`).Body.String() + "\n"
	}
	return all
}

// renamed returns a token that says that it is for another stream, whose name is as long.
func renamed(t *testing.T, token, from, to string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil || !strings.Contains(string(b), from) {
		t.Fatalf("%q is no token of %s", token, from)
	}
	return base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(b), from, to, 1)))
}

// What becomes of a request.
const (
	served   = ""
	denied   = "AccessDeniedException"
	invalid  = "InvalidArgumentException"
	notFound = "ResourceNotFoundException"
)

// naming is a way in which a body can name streams: how the body starts, and what becomes of it.
type naming struct{ name, body, want string }

// namings returns the ways in which a body of an action can name streams.
func (c *closed) namings(t *testing.T, action string) []naming {
	t.Helper()
	switch action {
	case "GetRecords":
		return c.iteratorNamings(t)
	case "ListShards":
		return append(byNameOrARN(), c.tokenNamings(t)...)
	case "TagResource", "UntagResource", "ListTagsForResource":
		return byResource()
	case "CreateStream":
		return byName()
	case "UpdateStreamMode":
		return byARN()
	}
	return byNameOrARN()
}

const (
	orders      = `"StreamName":"orders"`
	others      = `"StreamName":"others"`
	arnOfOrders = `"StreamARN":"` + arnOf + `orders"`
	arnOfOthers = `"StreamARN":"` + arnOf + `others"`
	elsewhere   = `"StreamARN":"arn:aws-cn:kinesis:cn-north-1:222222222222:stream/others"`
)

func byNameOrARN() []naming {
	return []naming{
		{"name", orders, served},
		{"ARN", arnOfOrders, served},
		{"both", orders + "," + arnOfOrders, served},
		{"another's name", others, denied},
		{"another's ARN", arnOfOthers, denied},
		{"another's ARN elsewhere", elsewhere, denied},
		{"another's both", others + "," + arnOfOthers, denied},
		{"name and another's ARN", orders + "," + arnOfOthers, invalid},
		{"another's ARN and name", arnOfOthers + "," + orders, invalid},
		{"another's name and ARN", others + "," + arnOfOrders, denied},
		{"name and then another's", orders + "," + others, denied},
		{"ARN and then another's", arnOfOrders + "," + arnOfOthers, denied},
		{"no name and another's ARN", `"StreamName":null,` + arnOfOthers, denied},
		{"empty name and another's ARN", `"StreamName":"",` + arnOfOthers, denied},
		{"name in another case", `"streamName":"orders",` + others, denied},
		{"another's name in another case", `"streamName":"others"`, invalid},
		{"another case of the name", `"StreamName":"Orders"`, denied},
		{"name, NUL and another's", `"StreamName":"orders\u0000others"`, denied},
		{"another's consumer", `"StreamARN":"` + arnOf + `others/consumer/orders"`, invalid},
		{"a path to the name", `"StreamARN":"` + arnOf + `others/orders"`, invalid},
		{"nothing", `"Stream":"others"`, invalid},
	}
}

func byName() []naming {
	return []naming{
		{"name", orders, served},
		{"name and another's ARN", orders + "," + arnOfOthers, served}, // a member that is not the action's
		{"another's name", others, denied},
		{"another's name and ARN", others + "," + arnOfOrders, denied},
		{"name and then another's", orders + "," + others, denied},
		{"ARN", arnOfOrders, invalid},
		{"another's ARN", arnOfOthers, invalid},
	}
}

func byARN() []naming {
	return []naming{
		{"ARN", arnOfOrders, served},
		{"ARN and another's name", arnOfOrders + "," + others, served}, // a member that is not the action's
		{"another's ARN", arnOfOthers, denied},
		{"another's ARN elsewhere", elsewhere, denied},
		{"another's ARN and name", arnOfOthers + "," + orders, denied},
		{"ARN and then another's", arnOfOrders + "," + arnOfOthers, denied},
		{"another's consumer", `"StreamARN":"` + arnOf + `others/consumer/orders"`, invalid},
		{"name", orders, invalid},
		{"another's name", others, invalid},
	}
}

func byResource() []naming {
	resource := func(rest string) string { return `"ResourceARN":"` + arnOf + rest + `"` }
	return []naming{
		{"ARN", resource("orders"), served},
		{"another's ARN", resource("others"), denied},
		{"another's ARN and name", orders + "," + resource("others"), denied},
		{"ARN and then another's", resource("orders") + "," + resource("others"), denied},
		{"consumer", resource("orders/consumer/c:1"), denied},
		{"another's consumer", resource("others/consumer/orders"), invalid},
		{"a path to the name", resource("others/orders"), invalid},
		{"name", `"ResourceARN":"orders"`, invalid},
		{"another's name", `"ResourceARN":"others"`, denied},
		{"other members", orders + "," + arnOfOthers, invalid},
	}
}

func (c *closed) iteratorNamings(t *testing.T) []naming {
	t.Helper()
	at := func(iterator string) string { return `"ShardIterator":"` + iterator + `"` }
	mine, theirs := c.iterator(t, "orders"), c.iterator(t, "others")
	return []naming{
		{"iterator", at(mine), served},
		{"iterator and another's name", at(mine) + "," + others, served}, // which does not say what is read
		{"iterator and another's ARN", at(mine) + "," + arnOfOthers, served},
		{"another's iterator", at(theirs), denied},
		{"another's iterator and ARN", at(theirs) + "," + arnOfOrders, denied},
		{"another's iterator and name", at(theirs) + "," + orders, denied},
		{"iterator and then another's", at(mine) + "," + at(theirs), denied},
		{"iterator with another's name in it", at(renamed(t, mine, "orders", "others")), denied},
		{"another's iterator with the name in it", at(renamed(t, theirs, "others", "orders")), notFound},
		{"another's iterator and a line", at(theirs + `\n`), invalid},
		{"another's token of shards", at(c.nextToken(t, "others")), invalid},
		{"another's ARN", arnOfOthers, invalid},
	}
}

func (c *closed) tokenNamings(t *testing.T) []naming {
	t.Helper()
	after := func(token string) string { return `"NextToken":"` + token + `"` }
	mine, theirs := c.nextToken(t, "orders"), c.nextToken(t, "others")
	return []naming{
		{"token", after(mine), served},
		{"another's token", after(theirs), denied},
		{"another's token and name", orders + "," + after(theirs), denied},
		{"another's token and ARN", arnOfOrders + "," + after(theirs), denied},
		{"token and another's name", others + "," + after(mine), invalid},
		{"token and then another's", after(mine) + "," + after(theirs), denied},
		{"token with another's name in it", after(renamed(t, mine, "orders", "others")), denied},
		{"another's token with the name in it", after(renamed(t, theirs, "others", "orders")), invalid},
		{"another's iterator", after(c.iterator(t, "others")), invalid},
		{"no token and another's name", `"NextToken":"",` + others, denied},
		{"empty token, a start and another's name", `"NextToken":"","ExclusiveStartShardId":"shardId-000000000000",` + others, denied},
	}
}

// TestOneStreamAlone: whoever has a right to one stream reaches that one, and no other, by any member of any operation.
func TestOneStreamAlone(t *testing.T) {
	known := append(slices.Collect(maps.Keys(onStreams)), "DescribeLimits", "ListStreams")
	slices.Sort(known)
	if served := httpapi.Actions(); !slices.Equal(served, known) {
		t.Fatalf("served are %v\nknown here %v", served, known)
	}
	for action := range onStreams {
		for i, n := range twoStreams(t, action).namings(t, action) {
			t.Run(action+" by "+n.name, func(t *testing.T) { checkNaming(t, action, i) })
		}
	}
}

// checkNaming sends a good body of an action that names streams in one of the ways.
func checkNaming(t *testing.T, action string, i int) {
	t.Helper()
	c := twoStreams(t, action)
	n := c.namings(t, action)[i] // anew, for tokens are of these streams
	before, stored := c.state("others"), c.open.stored()
	body := `{` + n.body + onStreams[action] + `}`
	w := c.send(t, action, body)
	if n.want == served {
		if w.Code != 200 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	} else if w.Code != 400 || !strings.Contains(w.Body.String(), `{"__type":"`+n.want+`"`) || c.open.stored() != stored {
		t.Errorf("%s: %d %s, want %s", body, w.Code, w.Body, n.want)
	}
	if c.state("others") != before {
		t.Errorf("%s changes the others", body)
	}
}

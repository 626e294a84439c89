package main

import (
	"encoding/base64"
	"strings"
	"time"
)

func raw(s string) *string { return &s }

// transportProbes are about what stands around a body: methods, targets, content types, signatures, and bodies that are none.
func transportProbes() []probe {
	const describe = `{"StreamName":"nothing"}`
	on := func(name string, p probe) probe {
		p.name = "transport/" + name
		if p.action == "" {
			p.action = "DescribeStreamSummary"
		}
		if p.raw == nil {
			p.raw = raw(describe)
		}
		return p
	}
	header := func(name, value string) probe { return probe{header: map[string]string{name: value}} }
	body := func(s string) probe { return probe{raw: &s} }
	origin := map[string]string{
		"Origin": "https://shop.example", "Access-Control-Request-Headers": "x-amz-target", "Access-Control-Request-Method": "POST",
	}
	all := []probe{
		on("method GET", probe{method: "GET"}),
		on("method PUT", probe{method: "PUT"}),
		on("method DELETE", probe{method: "DELETE"}),
		on("method PATCH", probe{method: "PATCH"}),
		on("method OPTIONS", probe{method: "OPTIONS"}),
		on("method OPTIONS with Origin", probe{method: "OPTIONS", header: origin, open: true, raw: raw("")}),
		on("method OPTIONS with Origin alone", probe{method: "OPTIONS", header: map[string]string{"Origin": "x"}, open: true, raw: raw("")}),
		on("method GET with Origin", probe{method: "GET", header: origin}),
		on("Origin", probe{header: origin}),
		on("path", probe{path: "/any/path?and=query"}),

		on("target missing", header("X-Amz-Target", "")),
		on("target of another service", header("X-Amz-Target", "DynamoDB_20120810.ListTables")),
		on("target of another version", header("X-Amz-Target", "Kinesis_20111202.DescribeStreamSummary")),
		on("target without action", header("X-Amz-Target", "Kinesis_20131202")),
		on("target with an empty action", header("X-Amz-Target", "Kinesis_20131202.")),
		on("target unknown", probe{action: "DescribeStreamz"}),
		on("target in lower case", probe{action: "describeStreamSummary"}),
		on("target unknown with an empty body", probe{action: "DescribeStreamz", raw: raw("")}),
		on("target unknown with no JSON", probe{action: "DescribeStreamz", raw: raw("{")}),
		on("target missing in CBOR", probe{header: map[string]string{"X-Amz-Target": "", "Content-Type": cborType}, raw: raw("\xa0")}),

		on("type of CBOR", probe{header: map[string]string{"Content-Type": cborType}, raw: raw("\xa1\x6aStreamName\x67nothing")}),
		on("type with charset", header("Content-Type", jsonType+"; charset=utf-8")),
		on("type missing", header("Content-Type", "")),
		on("type application/json", header("Content-Type", "application/json")),
		on("type application/json without JSON", probe{header: map[string]string{"Content-Type": "application/json"}, raw: raw("{")}),
		on("type of a form", header("Content-Type", "application/x-www-form-urlencoded")),
		on("type of JSON 1.0", header("Content-Type", "application/x-amz-json-1.0")),
		on("type missing and target missing", probe{header: map[string]string{"Content-Type": "", "X-Amz-Target": ""}}),
		on("type missing and body empty", probe{header: map[string]string{"Content-Type": ""}, raw: raw("")}),

		on("body empty", body("")),
		on("body cut short", body(`{"StreamName"`)),
		on("body of a word", body("hello")),
		on("body of null", body("null")),
		on("body of a number", body("7")),
		on("body of a text", body(`"orders"`)),
		on("body of a boolean", body("true")),
		on("body of a list", body(`["orders"]`)),
		on("body with more behind it", body(describe+"x")),
		on("body with white space around it", body(" \r\n\t"+describe+" ")),
		on("body with a byte order mark", body("\ufeff"+describe)),
		on("body not in UTF-8", body("{\"StreamName\":\"\xff\"}")),
		on("body with half a surrogate pair", body(`{"StreamName":"\ud800"}`)),
		on("body with a member twice", body(`{"StreamName":"first","StreamName":"second"}`)),
		on("body with unknown members", body(`{"StreamName":"nothing","Other":[{"a":{}}],"streamName":7}`)),
		on("body with escapes in a name", body(`{"Stream\u004eame":"nothing"}`)),
		on("body of CBOR that is JSON", probe{header: map[string]string{"Content-Type": cborType}}),
		on("body of CBOR, empty", probe{header: map[string]string{"Content-Type": cborType}, raw: raw("")}),
		on("body of CBOR, cut short", probe{header: map[string]string{"Content-Type": cborType}, raw: raw("\xa1")}),
		on("body of CBOR, a list", probe{header: map[string]string{"Content-Type": cborType}, raw: raw("\x80")}),
		on("body of CBOR, of indefinite length", probe{header: map[string]string{"Content-Type": cborType}, raw: raw("\xbf\x6aStreamName\x7f\x63not\x64hing\xff\xff")}),

		// It waits to be asked for its body, or the connection might be gone before the answer is read.
		on("body of 11 MB", probe{header: map[string]string{"Expect": "100-continue"}, raw: raw(strings.Repeat(" ", 11<<20))}),

		on("signature missing", probe{open: true}),
		on("signature missing in CBOR", probe{open: true, header: map[string]string{"Content-Type": cborType}, raw: raw("\xa0")}),
		on("signature missing and target unknown", probe{open: true, action: "DescribeStreamz"}),
		on("signature empty", probe{open: true, header: map[string]string{"Authorization": "AWS4-HMAC-SHA256"}}),
		on("signature without date", probe{open: true, header: map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c"}}),
		on("signature in the query", probe{open: true, path: "/?X-Amz-Algorithm=AWS4-HMAC-SHA256"}),
		on("signature twice", probe{path: "/?X-Amz-Algorithm=AWS4-HMAC-SHA256"}),
	}
	return all
}

// does returns a probe of an operation.
func does(name, action string, body object, keep ...string) probe {
	p := probe{name: name, action: action, body: body, keep: map[string]string{}}
	for i := 0; i < len(keep); i += 2 {
		p.keep[keep[i]] = keep[i+1]
	}
	return p
}

// inCBOR returns the probe in the other format.
func inCBOR(p probe) probe {
	p.name, p.header = "CBOR "+p.name, map[string]string{"Content-Type": cborType}
	return p
}

// streamProbes create the stream orders of 2 shards and look at it.
func streamProbes() []probe {
	orders := object{"StreamName": "orders"}
	with := func(name string, v any) object { return object{"StreamName": "orders", name: v} }
	return []probe{
		does("stream/create", "CreateStream", with("ShardCount", 2)),
		does("stream/create again", "CreateStream", with("ShardCount", 2)),
		does("stream/create too large", "CreateStream", object{"StreamName": "large", "ShardCount": 1001}),
		does("stream/create of no shards", "CreateStream", object{"StreamName": "large", "ShardCount": 0}),
		does("stream/create Capitals", "CreateStream", object{"StreamName": "Orders", "ShardCount": 1}),
		does("stream/list", "ListStreams", object{"ExclusiveStartStreamName": "O", "Limit": 1}),
		does("stream/list from its end", "ListStreams", object{"ExclusiveStartStreamName": "orders"}),
		does("stream/list from a name that is not there", "ListStreams", object{"ExclusiveStartStreamName": "_"}),
		does("stream/describe", "DescribeStream", orders),
		does("stream/describe a page", "DescribeStream", with("Limit", 1)),
		does("stream/describe from a shard", "DescribeStream", with("ExclusiveStartShardId", "shardId-000000000000")),
		does("stream/describe from the last shard", "DescribeStream", with("ExclusiveStartShardId", "shardId-000000000001")),
		does("stream/describe another", "DescribeStream", object{"StreamName": "nothing"}),
		does("stream/summary", "DescribeStreamSummary", orders),
		does("stream/summary of another", "DescribeStreamSummary", object{"StreamName": "nothing"}),
		does("stream/shards", "ListShards", orders),
		does("stream/shards of another", "ListShards", object{"StreamName": "nothing"}),
		does("stream/shards from a shard", "ListShards", with("ExclusiveStartShardId", "shardId-000000000000")),
		does("stream/shards of a page", "ListShards", with("MaxResults", 1)),
		does("stream/shards by name and token", "ListShards", with("NextToken", "AAAA")),
		does("stream/retain longer", "IncreaseStreamRetentionPeriod", with("RetentionPeriodHours", 48)),
		does("stream/retain longer by less", "IncreaseStreamRetentionPeriod", with("RetentionPeriodHours", 24)),
		does("stream/retain longer as long", "IncreaseStreamRetentionPeriod", with("RetentionPeriodHours", 48)),
		does("stream/retain longer than 168 hours", "IncreaseStreamRetentionPeriod", object{"StreamName": "Orders", "RetentionPeriodHours": 169}),
		does("stream/retain longer than 8760 hours", "IncreaseStreamRetentionPeriod", with("RetentionPeriodHours", 8761)),
		does("stream/retain longer another", "IncreaseStreamRetentionPeriod", object{"StreamName": "nothing", "RetentionPeriodHours": 48}),
		does("stream/retain longer too short", "IncreaseStreamRetentionPeriod", with("RetentionPeriodHours", 23)),
		does("stream/retain less by more", "DecreaseStreamRetentionPeriod", with("RetentionPeriodHours", 72)),
		does("stream/retain less too short", "DecreaseStreamRetentionPeriod", with("RetentionPeriodHours", 23)),
		does("stream/retain less", "DecreaseStreamRetentionPeriod", with("RetentionPeriodHours", 24)),
		does("stream/create with an underscore", "CreateStream", object{"StreamName": "or_ders", "ShardCount": 1}),
		does("stream/create with a digit first", "CreateStream", object{"StreamName": "1orders", "ShardCount": 1}),
		does("stream/create with a hyphen last", "CreateStream", object{"StreamName": "orders-", "ShardCount": 1}),
		does("stream/retain less another", "DecreaseStreamRetentionPeriod", object{"StreamName": "nothing", "RetentionPeriodHours": 24}),
	}
}

const (
	lowest  = "0"
	highest = "340282366920938463463374607431768211455"
	beyond  = "340282366920938463463374607431768211456"
)

// putProbes store records and are refused to.
func putProbes() []probe {
	one := func(stream string, more object) object {
		return merged(object{"StreamName": stream, "Data": "aGk=", "PartitionKey": "k"}, more)
	}
	many := func(stream string, records ...any) object { return object{"StreamName": stream, "Records": records} }
	entry := func(key string, hash ...string) any {
		e := object{"Data": "aGk=", "PartitionKey": key}
		if len(hash) > 0 {
			e["ExplicitHashKey"] = hash[0]
		}
		return e
	}
	mb := strings.Repeat("x", 1<<20)
	data := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(mb[:n])) }
	big := list{}
	for range 5 {
		big = append(big, object{"Data": data(1 << 20), "PartitionKey": "k"})
	}
	return []probe{
		does("put/one", "PutRecord", one("orders", object{"ExplicitHashKey": lowest}), "number", "SequenceNumber"),
		does("put/one at the end", "PutRecord", one("orders", object{"ExplicitHashKey": highest}), "upper", "SequenceNumber"),
		does("put/one by its key", "PutRecord", one("orders", nil)),
		does("put/one of no data", "PutRecord", one("orders", object{"Data": "", "ExplicitHashKey": lowest})),
		does("put/one with null for its hash key", "PutRecord", one("orders", object{"ExplicitHashKey": nil})),
		does("put/one beyond", "PutRecord", one("orders", object{"ExplicitHashKey": beyond})),
		does("put/one after another", "PutRecord", one("orders", object{"SequenceNumberForOrdering": "{number}"})),
		does("put/one after 0", "PutRecord", one("orders", object{"SequenceNumberForOrdering": "0"})),
		does("put/one after a number that is none", "PutRecord", one("orders", object{"SequenceNumberForOrdering": strings.Repeat("9", 60)})),
		does("put/one elsewhere", "PutRecord", one("nothing", nil)),
		does("put/one with a key of 256", "PutRecord", one("orders", object{"PartitionKey": strings.Repeat("é", 256)})),
		does("put/one with a key of 257", "PutRecord", one("orders", object{"PartitionKey": strings.Repeat("é", 257)})),
		does("put/one with a key of 256 in 4 bytes", "PutRecord", one("orders", object{"PartitionKey": strings.Repeat("😀", 256)})),
		does("put/one of 1 MB", "PutRecord", one("orders", object{"Data": data(1 << 20), "ExplicitHashKey": highest})),
		does("put/one of more than 1 MB", "PutRecord", one("orders", object{"Data": base64.StdEncoding.EncodeToString([]byte(mb + "x"))})),
		does("put/many", "PutRecords", many("orders", entry("a", lowest), entry("b", highest), entry("c"), entry("é😀"))),
		does("put/many elsewhere", "PutRecords", many("nothing", entry("a"))),
		does("put/many of which one beyond", "PutRecords", many("orders", entry("a"), entry("b", beyond))),
		does("put/many of which two beyond", "PutRecords", many("orders", entry("a", beyond), entry("b", beyond))),
		does("put/many of which two are wrong", "PutRecords", many("orders", entry(""), object{"PartitionKey": "k"}, entry("k", "01"))),
		does("put/many of which all are empty", "PutRecords", many("orders", list{object{}, object{}, object{}}...)),
		does("put/many of which twelve are wrong", "PutRecords", many("orders", list{object{}, object{}, object{}, object{}, object{}, object{}}...)),
		does("put/many without stream or records", "PutRecords", object{"StreamName": "", "Records": list{}}),
		does("put/many of more than 5 MB", "PutRecords", object{"StreamName": "orders", "Records": big}),
	}
}

// readProbes ask for iterators and read what putProbes stored.
func readProbes() []probe {
	iterator := func(kind string, more object) object {
		return merged(object{"StreamName": "orders", "ShardId": "shardId-000000000000", "ShardIteratorType": kind}, more)
	}
	return []probe{
		does("iterator/trim horizon", "GetShardIterator", iterator("TRIM_HORIZON", nil), "first", "ShardIterator"),
		does("iterator/latest", "GetShardIterator", iterator("LATEST", nil), "tip", "ShardIterator"),
		does("iterator/at", "GetShardIterator", iterator("AT_SEQUENCE_NUMBER", object{"StartingSequenceNumber": "{number}"}), "at", "ShardIterator"),
		does("iterator/after", "GetShardIterator", iterator("AFTER_SEQUENCE_NUMBER", object{"StartingSequenceNumber": "{number}"}), "after", "ShardIterator"),
		does("iterator/at a time", "GetShardIterator", iterator("AT_TIMESTAMP", object{"Timestamp": 1400000000}), "old", "ShardIterator"),
		does("iterator/at a time to come", "GetShardIterator", iterator("AT_TIMESTAMP", object{"Timestamp": 4102444800})),
		does("iterator/at no time", "GetShardIterator", iterator("AT_TIMESTAMP", nil)),
		does("iterator/at a time with a number", "GetShardIterator", iterator("AT_TIMESTAMP", object{"Timestamp": 1400000000, "StartingSequenceNumber": "{number}"})),
		does("iterator/at no number", "GetShardIterator", iterator("AT_SEQUENCE_NUMBER", nil)),
		does("iterator/after no number", "GetShardIterator", iterator("AFTER_SEQUENCE_NUMBER", nil)),
		does("iterator/latest with a number", "GetShardIterator", iterator("LATEST", object{"StartingSequenceNumber": "{number}"})),
		does("iterator/trim horizon with a number", "GetShardIterator", iterator("TRIM_HORIZON", object{"StartingSequenceNumber": "{number}"})),
		does("iterator/at the number of another shard", "GetShardIterator", iterator("AT_SEQUENCE_NUMBER", object{"StartingSequenceNumber": "{upper}"})),
		does("iterator/at 0", "GetShardIterator", iterator("AT_SEQUENCE_NUMBER", object{"StartingSequenceNumber": "0"})),
		does("iterator/at a number that is none", "GetShardIterator", iterator("AT_SEQUENCE_NUMBER", object{"StartingSequenceNumber": strings.Repeat("9", 60)})),
		does("iterator/of another type", "GetShardIterator", iterator("SOMEWHERE", nil)),
		does("iterator/of a short id", "GetShardIterator", iterator("LATEST", object{"ShardId": "0"})),
		does("iterator/of another's id", "GetShardIterator", iterator("LATEST", object{"ShardId": "shard-1"})),
		does("iterator/of an id that is none", "GetShardIterator", iterator("LATEST", object{"ShardId": "orders"})),
		does("iterator/of an id too large", "GetShardIterator", iterator("LATEST", object{"ShardId": "2147483648"})),
		does("iterator/of another shard", "GetShardIterator", iterator("LATEST", object{"ShardId": "shardId-000000000007"})),
		does("iterator/of another stream", "GetShardIterator", iterator("LATEST", object{"StreamName": "nothing"})),

		does("read/all", "GetRecords", object{"ShardIterator": "{first}"}, "next", "NextShardIterator"),
		does("read/at the tip", "GetRecords", object{"ShardIterator": "{next}"}),
		does("read/the latest", "GetRecords", object{"ShardIterator": "{tip}"}),
		does("read/at", "GetRecords", object{"ShardIterator": "{at}"}),
		does("read/after", "GetRecords", object{"ShardIterator": "{after}"}),
		does("read/since", "GetRecords", object{"ShardIterator": "{old}"}),
		does("read/nothing of that kind", "GetRecords", object{"ShardIterator": "AAAA"}),
		does("read/no base64", "GetRecords", object{"ShardIterator": "not an iterator"}),
		does("read/too many", "GetRecords", object{"ShardIterator": "{first}", "Limit": 10001}),
	}
}

func tagProbes() []probe {
	on := func(stream, name string, v any) object { return object{"StreamName": stream, name: v} }
	many := object{}
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		many[string(c)] = "x"
	}
	few := object{"a": "1", "B": "2", "é": ""}
	return []probe{
		does("tag/add", "AddTagsToStream", on("orders", "Tags", few)),
		does("tag/add again", "AddTagsToStream", on("orders", "Tags", object{"a": "3"})),
		does("tag/add elsewhere", "AddTagsToStream", on("nothing", "Tags", few)),
		does("tag/add with a character that is not allowed", "AddTagsToStream", on("orders", "Tags", object{"a;b": "c"})),
		does("tag/add a value with a character that is not allowed", "AddTagsToStream", on("orders", "Tags", object{"a": "b;c"})),
		does("tag/add with a colon", "AddTagsToStream", on("Orders", "Tags", object{"team:name": "checkout"})),
		does("tag/add with a percent sign", "AddTagsToStream", on("Orders", "Tags", object{"share": "5%"})),
		does("tag/add with each sign", "AddTagsToStream", on("orders", "Tags", object{"_ . / = + - @": "_ . / = + - @"})),
		does("tag/add too many at once", "AddTagsToStream", on("orders", "Tags", many)),
		does("tag/list", "ListTagsForStream", object{"StreamName": "orders"}),
		does("tag/list a page", "ListTagsForStream", on("orders", "Limit", 1)),
		does("tag/list from a key", "ListTagsForStream", on("orders", "ExclusiveStartTagKey", "a")),
		does("tag/list elsewhere", "ListTagsForStream", object{"StreamName": "nothing"}),
		does("tag/remove", "RemoveTagsFromStream", on("orders", "TagKeys", list{"a", "never there"})),
		does("tag/remove with a character that is not allowed", "RemoveTagsFromStream", on("orders", "TagKeys", list{"a;b"})),
		does("tag/remove with a percent sign", "RemoveTagsFromStream", on("orders", "TagKeys", list{"5%"})),
		does("tag/remove elsewhere", "RemoveTagsFromStream", on("nothing", "TagKeys", list{"a"})),
		does("tag/list what is left", "ListTagsForStream", object{"StreamName": "orders"}),
	}
}

// reshardProbes split and merge the shards of orders, and read a shard to its end.
func reshardProbes() []probe {
	split := func(shard, key string) object {
		return object{"StreamName": "orders", "ShardToSplit": shard, "NewStartingHashKey": key}
	}
	merge := func(shard, adjacent string) object {
		return object{"StreamName": "orders", "ShardToMerge": shard, "AdjacentShardToMerge": adjacent}
	}
	id := func(n string) string { return "shardId-00000000000" + n }
	const quarter = "85070591730234615865843651857942052864"
	return []probe{
		does("reshard/split elsewhere", "SplitShard", object{"StreamName": "nothing", "ShardToSplit": id("0"), "NewStartingHashKey": quarter}),
		does("reshard/split another", "SplitShard", split(id("7"), quarter)),
		does("reshard/split an id that is none", "SplitShard", split("orders", quarter)),
		does("reshard/split an id too large", "SplitShard", split("shardId-2147483648", quarter)),
		does("reshard/split at its first key", "SplitShard", split(id("0"), "0")),
		does("reshard/split at its second key", "SplitShard", split(id("0"), "1")),
		does("reshard/split at another's key", "SplitShard", split(id("0"), highest)),
		does("reshard/split beyond", "SplitShard", split(id("0"), beyond)),
		does("reshard/split", "SplitShard", split("0", quarter)),
		does("reshard/describe the split", "DescribeStream", object{"StreamName": "orders"}),
		does("reshard/merge elsewhere", "MergeShards", object{"StreamName": "nothing", "ShardToMerge": id("0"), "AdjacentShardToMerge": id("1")}),
		does("reshard/merge with another", "MergeShards", merge(id("2"), id("7"))),
		does("reshard/merge with an id that is none", "MergeShards", merge(id("2"), "orders")),
		does("reshard/merge in the wrong order", "MergeShards", merge(id("3"), id("2"))),
		does("reshard/merge what is apart", "MergeShards", merge(id("2"), id("1"))),
		does("reshard/merge one with itself", "MergeShards", merge(id("2"), id("2"))),
		does("reshard/merge", "MergeShards", merge(id("3"), id("1"))),
		does("reshard/shards", "ListShards", object{"StreamName": "orders"}),
		does("reshard/summary", "DescribeStreamSummary", object{"StreamName": "orders"}),
		does("reshard/put", "PutRecord", object{"StreamName": "orders", "Data": "", "PartitionKey": "k", "ExplicitHashKey": "0"}),
		does("reshard/put at the end", "PutRecord", object{"StreamName": "orders", "Data": "", "PartitionKey": "k", "ExplicitHashKey": highest}),
		does("reshard/iterator of the closed shard", "GetShardIterator",
			object{"StreamName": "orders", "ShardId": id("0"), "ShardIteratorType": "TRIM_HORIZON"}),
		does("reshard/split again", "SplitShard", split(id("0"), quarter)),
	}
}

// cborProbes take one stream around in CBOR.
func cborProbes() []probe {
	stream := func(name string, v any) object { return object{"StreamName": "blobs", name: v} }
	var all []probe
	for _, p := range []probe{
		does("create", "CreateStream", stream("ShardCount", 1)),
		does("create again", "CreateStream", stream("ShardCount", 1)),
		does("summary", "DescribeStreamSummary", object{"StreamName": "blobs"}),
		does("shards", "ListShards", object{"StreamName": "blobs"}),
		does("put", "PutRecords", stream("Records", list{object{"Data": []byte{0, 255, 128}, "PartitionKey": "k"}, object{"Data": []byte{}, "PartitionKey": "é"}})),
		does("put one", "PutRecord", object{"StreamName": "blobs", "Data": []byte("hi"), "PartitionKey": "k"}),
		does("put of nothing", "PutRecords", stream("Records", list{})),
		does("put elsewhere", "PutRecords", object{"StreamName": "nothing", "Records": list{object{"Data": []byte("hi"), "PartitionKey": "k"}}}),
		does("iterator", "GetShardIterator", object{"StreamName": "blobs", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}, "blobs", "ShardIterator"),
		does("iterator at a time", "GetShardIterator", object{"StreamName": "blobs", "ShardId": "0", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time.Unix(1400000000, 0)}),
		does("read", "GetRecords", object{"ShardIterator": "{blobs}"}),
		does("delete", "DeleteStream", object{"StreamName": "blobs"}),
	} {
		all = append(all, inCBOR(p))
	}
	return all
}

// goneProbes delete a stream and ask for it.
func goneProbes() []probe {
	return []probe{
		does("gone/delete", "DeleteStream", object{"StreamName": "Orders"}),
		does("gone/delete another", "DeleteStream", object{"StreamName": "nothing"}),
		does("gone/put", "PutRecord", object{"StreamName": "nothing", "Data": "", "PartitionKey": "k"}),
	}
}

// fatalProbes are those over which kinesalite ends.
func fatalProbes() []probe {
	create := does("", "CreateStream", object{"StreamName": "orders", "ShardCount": 1})
	all := []probe{
		does("fatal/null for a record", "PutRecords", object{"StreamName": "orders", "Records": list{nil}}),
		does("fatal/null for a tag's value", "AddTagsToStream", object{"StreamName": "orders", "Tags": object{"a": nil}}),
		does("fatal/null for a tag's key", "RemoveTagsFromStream", object{"StreamName": "orders", "TagKeys": list{nil}}),
		does("fatal/token alone", "ListShards", object{"NextToken": "AAAA"}),
	}
	for i := range all {
		all[i].before = []probe{create}
	}
	return all
}

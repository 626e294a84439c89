package kinesis

import (
	"strconv"
	"strings"
)

// StreamARN returns the Amazon Resource Name of a stream. The region decides the partition, as it does in AWS.
func StreamARN(region, account, stream string) string {
	partition := "aws"
	switch {
	case strings.HasPrefix(region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return "arn:" + partition + ":kinesis:" + region + ":" + account + ":stream/" + stream
}

// ShardID returns the id of the shard with that index in its stream: `shardId-` and 12 digits.
func ShardID(index uint32) string {
	id := []byte("shardId-000000000000")
	for i := len(id) - 1; index > 0; i-- {
		id[i] = '0' + byte(index%10)
		index /= 10
	}
	return string(id)
}

// ParseShardID returns the index of the shard that s names, as Kinesis reads shard ids: the digits stand alone or after
// one hyphen, whatever is before that, and leading zeros do not count. It fails for anything else and above 2^31-1.
func ParseShardID(s string) (uint32, bool) {
	if _, digits, ok := strings.Cut(s, "-"); ok {
		s = digits
	}
	if !allDigits(s) {
		return 0, false
	}
	index, err := strconv.ParseUint(s, 10, 31)
	return uint32(index), err == nil
}

// streamMembers declares the two members by which most inputs name their stream. One of them is needed. Both may be
// there if they name the same stream, whatever the region and account in the ARN.
func streamMembers(v visitor, name, arn *string) {
	n := required
	if *arn != "" {
		n = optional
	}
	streamNames(v, name, arn, n)
}

// streamNames declares the two members by which an input names its stream, and whether StreamName is needed.
func streamNames(v visitor, name, arn *string, n need) {
	v.text("StreamName", name, n, &streamName)
	v.text("StreamARN", arn, optional, &streamARN)
	v.check(func(vs *violations) {
		if *name != "" && isStreamARN(*arn) && streamOf("", *arn) != *name {
			vs.member("StreamARN", "Member must name the same stream as streamName")
		}
	})
}

// streamOf returns the stream that a valid input names, "" where it names none.
func streamOf(name, arn string) string {
	if name != "" {
		return name
	}
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// isStreamARN tells whether s is arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME with a partition of AWS, an account
// of 12 digits and a name that a stream can have.
func isStreamARN(s string) bool {
	var parts [6]string
	for i := range parts {
		var more bool
		parts[i], s, more = strings.Cut(s, ":")
		if more != (i < len(parts)-1) {
			return false
		}
	}
	name, ok := strings.CutPrefix(parts[5], "stream/")
	return ok && parts[0] == "arn" && strings.HasPrefix(parts[1], "aws") && parts[2] == "kinesis" &&
		len(parts[4]) == 12 && allDigits(parts[4]) && len(streamName.text(name)) == 0
}

package kinesis

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"millrace/pkg/hashkey"
)

// The limits of the API, as its reference states them.
const (
	MaxRecords      = 500     // records of one PutRecords
	MaxRecordData   = 1 << 20 // bytes of one record's data
	MaxRequestData  = 5 << 20 // bytes of one PutRecords' data and partition keys together, the keys in UTF-8
	MaxPartitionKey = 256     // characters of a partition key
	MaxStreamName   = 128     // characters of a stream's name
	MaxShards       = 1000    // shards of a new stream
	MaxTags         = 50      // tags of a stream
	MinRetention    = 24      // hours that a stream keeps its records at least
	MaxRetention    = 8760    // hours that it keeps them at most

	MaxReadRecords = 10_000   // records of one GetRecords
	MaxReadData    = 10 << 20 // bytes of data that one GetRecords answers at most

	IteratorLife  = 5 * time.Minute // how long a shard iterator can be used
	NextTokenLife = 5 * time.Minute // how long a NextToken can be used
)

// MaxBody is the number of bytes that no valid request exceeds. The largest is a PutRecords of [MaxRequestData]: 7.0 MB in
// base64, 1.5 MB where every partition key is written in escapes, and the names and marks around 500 records.
const MaxBody = 10 << 20

const unbounded = math.MaxInt

// shape is the limits that the API declares for a kind of member.
type shape struct {
	min, max int       // of a number, of a text in characters, of a blob in bytes, of a list or map in elements
	patterns []pattern // each must match the whole text
	values   []string  // the only ones, where there are any
	fallback string    // what an output that leaves the text empty is written with
	keys     *shape    // of a map's keys
	each     *shape    // of a map's values, or the texts of a list

	// also returns the text of an undeclared limit that a text breaks, or "". It is asked about texts that keep the
	// declared ones.
	also func(string) string
}

type pattern struct {
	text  string // a regular expression, as errors tell it
	match func(string) bool
}

var (
	streamName = shape{min: 1, max: MaxStreamName, patterns: []pattern{
		{`[a-zA-Z][a-zA-Z0-9-]*`, isStreamName},
		{`(.*[^-])?`, func(s string) bool { return !strings.HasSuffix(s, "-") }},
	}}
	streamARN = shape{min: 1, max: 2048, patterns: []pattern{
		{`arn:aws[^:]*:kinesis:[^:]*:\d{12}:stream/[a-zA-Z]([a-zA-Z0-9-]{0,126}[a-zA-Z0-9])?`, isStreamARN},
	}}
	streamMode     = shape{max: unbounded, values: []string{StreamModeProvisioned, StreamModeOnDemand}}
	shardCount     = shape{min: 1, max: MaxShards}
	recordSizeKiB  = shape{min: MaxRecordData >> 10, max: MaxRecordData >> 10}
	distribution   = shape{max: unbounded, values: []string{"USER_PARTITION_KEY"}}
	encryptionType = shape{max: unbounded, fallback: EncryptionNone}

	records         = shape{min: 1, max: MaxRecords}
	recordData      = shape{max: MaxRecordData}
	partitionKey    = shape{min: 1, max: MaxPartitionKey}
	explicitHashKey = shape{max: unbounded, patterns: []pattern{{`0|([1-9]\d{0,38})`, decimal(39)}}, also: outsideHashKeys}
	sequenceNumber  = shape{max: unbounded, patterns: []pattern{{`0|([1-9]\d{0,128})`, decimal(129)}}}

	// anyName is what AWS takes for the name of a shard, or of a stream that need not be there.
	anyName       = shape{min: 1, max: 128, patterns: []pattern{{`[a-zA-Z0-9_.-]+`, isAnyName}}}
	pageSize      = shape{min: 1, max: 10_000}
	nextToken     = shape{min: 1, max: 1 << 20}
	shardIterator = shape{min: 1, max: 512}
	iteratorType  = shape{max: unbounded, values: []string{ // in the order in which AWS tells them
		IteratorAfterSequenceNumber, IteratorLatest, IteratorAtTimestamp, IteratorAtSequenceNumber, IteratorTrimHorizon,
	}}
	filterType = shape{max: unbounded, values: []string{
		FilterAfterShardID, FilterAtTrimHorizon, FilterFromTrimHorizon, FilterAtLatest, FilterAtTimestamp, FilterFromTimestamp,
	}}
	newStartingHashKey = shape{max: unbounded, patterns: explicitHashKey.patterns}
	targetShardCount   = shape{min: 1, max: unbounded}
	scalingType        = shape{max: unbounded, values: []string{ScalingUniform}}

	tagKey      = shape{min: 1, max: 128}
	tagValue    = shape{max: 256}
	tagMap      = shape{min: 1, max: 200, keys: &tagKey, each: &tagValue}
	tagKeys     = shape{min: 1, max: 50, each: &tagKey}
	tagPageSize = shape{min: 1, max: 50}
)

// keep is how many elements of a list or map are worth keeping: one more than allowed shows that there are too many.
func (s *shape) keep() int {
	if s == nil || s.max == unbounded {
		return unbounded
	}
	return s.max + 1
}

// length returns the constraint that a length of n breaks, or "".
func (s *shape) length(n int) string {
	switch {
	case n < s.min:
		return s.minLength()
	case n > s.max:
		return s.maxLength()
	}
	return ""
}

func (s *shape) minLength() string {
	return "Member must have length greater than or equal to " + strconv.Itoa(s.min)
}

func (s *shape) maxLength() string {
	return "Member must have length less than or equal to " + strconv.Itoa(s.max)
}

// value returns the constraint that the number n breaks, or "".
func (s *shape) value(n int) string {
	switch {
	case n < s.min:
		return "Member must have value greater than or equal to " + strconv.Itoa(s.min)
	case n > s.max:
		return "Member must have value less than or equal to " + strconv.Itoa(s.max)
	}
	return ""
}

func (p pattern) constraint() string {
	return "Member must satisfy regular expression pattern: " + p.text
}

func (s *shape) enumeration() string {
	return "Member must satisfy enum value set: [" + strings.Join(s.values, ", ") + "]"
}

// text returns the declared constraints that t breaks.
func (s *shape) text(t string) []string {
	var broken []string
	if c := s.length(utf8.RuneCountInString(t)); c != "" {
		broken = append(broken, c)
	}
	for _, p := range s.patterns {
		if !p.match(t) {
			broken = append(broken, p.constraint())
		}
	}
	if s.values != nil && !slices.Contains(s.values, t) {
		broken = append(broken, s.enumeration())
	}
	return broken
}

// all returns every constraint declared for a text, in brackets, as errors about the elements of a list or map tell them.
// Where the API bounds a length it does so on both sides, be it by 0.
func (s *shape) all() string {
	var declared []string
	if s.max < unbounded {
		declared = append(declared, s.maxLength(), s.minLength())
	}
	for _, p := range s.patterns {
		declared = append(declared, p.constraint())
	}
	if s.values != nil {
		declared = append(declared, s.enumeration())
	}
	return "[" + strings.Join(declared, ", ") + "]"
}

func isStreamName(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i]) && s[i] != '-') {
			return false
		}
	}
	return s != ""
}

func isAnyName(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && !isDigit(s[i]) && !strings.ContainsRune("_.-", rune(s[i])) {
			return false
		}
	}
	return s != ""
}

// decimal returns a match for a number of at most maxDigits digits without leading zeros.
func decimal(maxDigits int) func(string) bool {
	return func(s string) bool {
		if s == "" || len(s) > maxDigits || s[0] == '0' && len(s) > 1 {
			return false
		}
		return allDigits(s)
	}
}

func outsideHashKeys(s string) string {
	if _, err := hashkey.Parse(s); err == nil {
		return ""
	}
	return "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was " + s
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

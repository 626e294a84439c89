package dynamostore

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"millrace/pkg/shardlog"
)

// A counter's windows have names of their own, by their seconds, so that one request counts in a second whether or not it is the first to do
// so: a window that is not there begins at nothing. Old ones are removed by name in the same request; a request knows the names of those
// that this process has seen, and of the last few seconds. What it does not know is removed once there are too many.
//
// A window takes 32 bytes: r or b and 10 digits, a number in 3 or 5 bytes, and 1 for the map's element, each. The map takes 4+3.
const (
	// staleNamed is how many old windows are removed by name whether or not they have been seen.
	staleNamed = 3
	// mostWindows is how many windows a counter holds at most: 231 bytes.
	mostWindows = 7

	spread = int64(shardlog.WindowSpread / time.Second)
)

func recordsName(second int64) string { return "r" + strconv.FormatInt(second, 10) }
func bytesName(second int64) string   { return "b" + strconv.FormatInt(second, 10) }

// recordsIn and bytesIn are the paths of a window's two numbers in the counter item.
func recordsIn(second int64) string { return attrUsed + "." + recordsName(second) }
func bytesIn(second int64) string   { return attrUsed + "." + bytesName(second) }

// charge makes an UpdateItem that moves a counter on count in the second now, on condition that this is what
// [shardlog.Counter.Charge] does. Where the condition fails, one of these holds of the counter that comes with the refusal:
//
//   - the second has less left than the usage: Charge fails;
//   - a clock is more than a second ahead, so that Charge counts in another second;
//   - there are so many old windows that their names must be read for them to be removed.
//
// A window is removed by what counts two seconds later, or more, and nothing counts two seconds before a window that stands. So nothing counts
// in a window that was removed.
func (s *Store) charge(in *dynamodb.UpdateItemInput, shard shardlog.Shard, now time.Time, u shardlog.Usage) {
	second := now.Unix()
	records, bytes := recordsIn(second), bytesIn(second)
	in.UpdateExpression = aws.String(*in.UpdateExpression +
		", " + records + " = if_not_exists(" + records + ", :none) + :records" +
		", " + bytes + " = if_not_exists(" + bytes + ", :none) + :bytes" +
		" REMOVE " + s.staleWindows(shard, second))
	ahead := ""
	for n := int64(2); n <= spread; n++ {
		ahead += " AND attribute_not_exists(" + recordsIn(second+n) + ")"
	}
	in.ConditionExpression = aws.String(*in.ConditionExpression + ahead +
		" AND size(" + attrUsed + ") <= :most" + // false where there is none
		" AND (attribute_not_exists(" + records + ") OR (" + records + " <= :mostRecords AND " + bytes + " <= :mostBytes))")
	most := u.Most()
	for name, n := range map[string]int64{
		":none":        0,
		":records":     int64(u.Records),
		":bytes":       int64(u.Bytes),
		":most":        2 * (mostWindows - 1),
		":mostRecords": int64(most.Records),
		":mostBytes":   int64(most.Bytes),
	} {
		in.ExpressionAttributeValues[name] = number(n)
	}
}

// staleWindows returns the paths of the windows that stop counting when something is counted in a second.
func (s *Store) staleWindows(shard shardlog.Shard, second int64) string {
	s.mu.Lock()
	stale := slices.Clone(s.windows[shard])
	s.mu.Unlock()
	for n := range int64(staleNamed) {
		stale = append(stale, second-2-n)
	}
	slices.Sort(stale)
	paths := ""
	for _, old := range slices.Compact(stale) {
		if old < second-1 || old > second+spread {
			paths += ", " + recordsIn(old) + ", " + bytesIn(old)
		}
	}
	return paths[len(", "):]
}

// noteWindows remembers the windows that a counter held when something was counted in a second, for the next request to remove those
// that are old by then.
func (s *Store) noteWindows(shard shardlog.Shard, c shardlog.Counter, now time.Time) {
	seen := []int64{now.Unix()}
	for _, w := range c.Windows {
		seen = append(seen, w.Second.Unix())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows[shard] = seen
}

func (s *Store) forgetWindows(shard shardlog.Shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.windows, shard)
}

// used returns the attribute that holds a counter's windows.
func used(windows []shardlog.Window) types.AttributeValue {
	numbers := item{}
	for _, w := range windows {
		numbers[recordsName(w.Second.Unix())] = number(int64(w.Records))
		numbers[bytesName(w.Second.Unix())] = number(int64(w.Bytes))
	}
	return &types.AttributeValueMemberM{Value: numbers}
}

// readUsed returns the windows that an attribute holds. A counter that an earlier release wrote has none.
func readUsed(v types.AttributeValue) ([]shardlog.Window, error) {
	if v == nil {
		return nil, nil
	}
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return nil, errItem
	}
	f := fields{item: m.Value}
	var windows []shardlog.Window
	for name := range m.Value {
		second, err := strconv.ParseInt(name[min(1, len(name)):], 10, 64)
		switch {
		case err != nil || (name != recordsName(second) && name != bytesName(second)):
			return nil, fmt.Errorf("%w: %q", errItem, name)
		case name == recordsName(second):
			windows = append(windows, shardlog.Window{Second: time.Unix(second, 0).UTC(), Usage: shardlog.Usage{
				Records: int(f.number(name)), Bytes: int(f.number(bytesName(second))),
			}})
		}
	}
	if f.err == nil && 2*len(windows) != len(m.Value) {
		f.note(attrUsed, errItem) // bytes without records
	}
	slices.SortFunc(windows, func(a, b shardlog.Window) int { return cmp.Compare(a.Second.Unix(), b.Second.Unix()) })
	return windows, f.err
}

package main

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// object is a map in the body of a request.
type object = map[string]any

// list is a list in the body of a request.
type list = []any

// probes returns every request to be sent, in order.
func probes() []probe {
	all := slices.Concat(transportProbes(), typeProbes(jsonType), typeProbes(cborType), limitProbes(), streamProbes(), putProbes(),
		readProbes(), tagProbes(), reshardProbes(), cborProbes(), goneProbes())
	seen := map[string]bool{}
	for _, p := range all {
		if seen[p.name] {
			panic("two probes named " + p.name)
		}
		seen[p.name] = true
	}
	return all
}

// member is a member of an operation's input, or of a structure in it.
type member struct {
	path string          // from the operation on
	of   reflect.Type    // of its value
	body func(v any) any // the least body that has a value there
}

// membersOf lists the members that a type declares by its exported fields, those inside them too.
func membersOf(t reflect.Type, path string, body func(any) any) []member {
	var all []member
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() {
			continue
		}
		at := path + "/" + field.Name
		within := func(v any) any { return body(object{field.Name: v}) }
		all = append(all, member{at, field.Type, within})
		inList := func(v any) any { return within(list{v}) }
		switch of := field.Type; {
		case of == reflect.TypeFor[[]byte]():
		case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct:
			all = append(all, membersOf(of.Elem(), at+"/1", inList)...)
		case of.Kind() == reflect.Slice:
			all = append(all, member{at + "/1", of.Elem(), inList})
		case of.Kind() == reflect.Map:
			all = append(all, member{at + "/key", of.Elem(), func(v any) any { return within(object{"key": v}) }})
		case of.Kind() == reflect.Pointer:
			all = append(all, membersOf(of.Elem(), at, within)...)
		}
	}
	return all
}

// kinds of values that a member can have.
const (
	boolean   = "boolean"
	number    = "number"
	text      = "text"
	bytesKind = "bytes"
	listKind  = "list"
	mapKind   = "map"
)

// kindsFor returns the kinds that a member takes.
func kindsFor(t reflect.Type) []string {
	switch {
	case t == reflect.TypeFor[[]byte]():
		return []string{text, bytesKind}
	case t == reflect.TypeFor[time.Time](), t.Kind() == reflect.Int:
		return []string{number}
	case t.Kind() == reflect.Bool:
		return []string{boolean}
	case t.Kind() == reflect.Slice:
		return []string{listKind}
	case t.Kind() == reflect.Map, t.Kind() == reflect.Pointer:
		return []string{mapKind}
	}
	return []string{text}
}

// typeProbes sends each member of each operation a value of each kind that it is not, and null.
func typeProbes(contentType string) []probe {
	prefix := "type/"
	values := []struct {
		kind string
		v    any
	}{{boolean, true}, {number, 7}, {text, "text"}, {listKind, list{}}, {mapKind, object{}}, {"null", nil}}
	if contentType == cborType {
		prefix = "CBOR type/"
		values[5].kind, values[5].v = bytesKind, []byte("bytes")
	}
	var all []probe
	for _, op := range operations {
		if !op.shared {
			continue
		}
		for _, m := range membersOf(reflect.TypeOf(op.in).Elem(), op.action, func(v any) any { return v }) {
			for _, value := range values {
				name := prefix + m.path + "/" + value.kind
				if newer.MatchString(m.path) {
					name = "newer " + name
				}
				if slices.Contains(kindsFor(m.of), value.kind) || value.v == nil && (fatalNull(m) || newer.MatchString(m.path)) {
					continue
				}
				all = append(all, probe{
					name: name, action: op.action, body: m.body(value.v),
					header: map[string]string{"Content-Type": contentType},
				})
			}
		}
	}
	return all
}

// fatalNull tells whether kinesalite ends over a null there; fatalProbes has some of them.
func fatalNull(m member) bool {
	return strings.HasSuffix(m.path, "/TagKeys/1") || strings.HasSuffix(m.path, "/Tags/key")
}

// limitProbes sends each member values at and beyond the limits that there are, with no other member, so that each other one that
// is needed is told as missing too, and nothing is done.
func limitProbes() []probe {
	var all []probe
	for _, op := range operations {
		if !op.shared {
			continue
		}
		whole := func(v any) any { return v }
		if op.action == "CreateStream" { // whose ShardCount kinesalite still needs
			whole = func(v any) any { return merged(object{"ShardCount": 0}, v.(object)) }
		}
		all = append(all, probe{name: "limit/" + op.action + "/empty", action: op.action, body: whole(object{})})
		for _, m := range membersOf(reflect.TypeOf(op.in).Elem(), op.action, whole) {
			if newer.MatchString(m.path) || m.path == "ListShards/NextToken" { // over which kinesalite ends
				continue
			}
			for _, limit := range limitsOf(m.of) {
				all = append(all, probe{name: "limit/" + m.path + "/" + limit.name, action: op.action, body: m.body(limit.v)})
			}
		}
	}
	return all
}

func merged(a, b object) object {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// newer are the members that kinesalite does not know, and passes over.
var newer = regexp.MustCompile(`/(StreamARN|ShardFilter|StreamModeDetails|EnforceConsumerDeletion|DryRun|MaxRecordSizeInKiB|RecordDistributionStrategy)\b|CreateStream/Tags|ListStreams/NextToken`)

type limit struct {
	name string
	v    any
}

func limitsOf(t reflect.Type) []limit {
	var all []limit
	add := func(name string, v any) { all = append(all, limit{name, v}) }
	switch {
	case t == reflect.TypeFor[[]byte]():
		for _, bad := range []string{"23456", "ab-_", "=+/=", "+/+=", "QQ==QUJD", "QUJD\n\n\n\n", "QQ", "===="} {
			add(fmt.Sprintf("%q", bad), bad)
		}
		add("empty", "")
	case t == reflect.TypeFor[time.Time]():
		add("0", 0)
		add("2100", 4102444800)
	case t.Kind() == reflect.Int:
		for _, n := range []int{-1, 0, 1, 10, 11, 24, 50, 51, 168, 10000, 10001, 100001, 1 << 31, 1 << 40} {
			add(fmt.Sprint(n), n)
		}
		add("1.5", 1.5)
		add("1e100", 1e100)
	case t.Kind() == reflect.String:
		add("empty", "")
		for _, n := range []int{128, 129, 256, 257, 512, 513} {
			add(fmt.Sprint("of ", n), strings.Repeat("a", n))
		}
		for _, s := range []string{"0", "01", "-1", "1a", "a b", "é", "a/b", "a\n", strings.Repeat("9", 39), strings.Repeat("9", 40), strings.Repeat("9", 129), strings.Repeat("9", 130)} {
			add(fmt.Sprintf("%q", s), s)
		}
	case t.Kind() == reflect.Slice:
		for _, n := range []int{0, 10, 11, 50, 51, 500, 501} {
			one := any(object{"Data": "", "PartitionKey": "k"})
			if t.Elem().Kind() == reflect.String {
				one = "key"
			}
			add(fmt.Sprint("of ", n), slices.Repeat(list{one}, n))
		}
	case t.Kind() == reflect.Map:
		for _, n := range []int{0, 10, 11, 50, 51, 200, 201} {
			m := object{}
			for i := range n {
				m[fmt.Sprint("key", i)] = "value"
			}
			add(fmt.Sprint("of ", n), m)
		}
		add("empty key", object{"": "value"})
		add("long key", object{strings.Repeat("k", 129): "value"})
		add("long value", object{"key": strings.Repeat("v", 257)})
	}
	return all
}

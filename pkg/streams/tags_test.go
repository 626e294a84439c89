package streams_test

import (
	"fmt"
	"strings"
	"testing"

	"millrace/pkg/kinesis"
)

func (f *fixture) wantTags(t *testing.T, want string) {
	t.Helper()
	f.wantAnswer(t, "ListTagsForStream", `{"StreamName":"orders"}`, 200, `{"Tags":[`+want+`],"HasMoreTags":false}`)
	f.wantAnswer(t, "ListTagsForResource", `{"ResourceARN":"`+arnOf+`orders"}`, 200, `{"Tags":[`+want+`]}`)
}

func TestTags(t *testing.T) {
	f := newStream(t, 1)
	f.wantTags(t, "")
	for _, form := range []struct{ add, remove, stream string }{
		{"AddTagsToStream", "RemoveTagsFromStream", `"StreamName":"orders"`},
		{"TagResource", "UntagResource", `"ResourceARN":"` + arnOf + `orders"`},
	} {
		ok := func(action, rest string) {
			t.Helper()
			f.wantAnswer(t, action, `{`+form.stream+`,`+rest+`}`, 200, "")
		}
		ok(form.add, `"Tags":{"b":"2","a":"1"}`)
		f.wantTags(t, `{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}`)
		ok(form.add, `"Tags":{"b":"","é_.:/=+-%@ x":"ü 9"}`)
		f.wantTags(t, `{"Key":"a","Value":"1"},{"Key":"b","Value":""},{"Key":"é_.:/=+-%@ x","Value":"ü 9"}`)
		ok(form.remove, `"TagKeys":["a","never there"]`)
		f.wantTags(t, `{"Key":"b","Value":""},{"Key":"é_.:/=+-%@ x","Value":"ü 9"}`)
		ok(form.remove, `"TagKeys":["b","é_.:/=+-%@ x"]`)
		f.wantTags(t, "")
		const characters = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."
		for _, tags := range []string{`{"a#":"1"}`, `{"a":"1*"}`, `{"a\n":""}`} {
			f.wantRefusal(t, form.add, `{`+form.stream+`,"Tags":`+tags+`}`, invalidArgument, characters)
		}
		f.wantRefusal(t, form.remove, `{`+form.stream+`,"TagKeys":["a!"]}`, invalidArgument, characters)
		missing := strings.Replace(form.stream, "orders", "missing", 1)
		f.wantRefusal(t, form.add, `{`+missing+`,"Tags":{"a":""}}`, notFound, missingStream)
		f.wantRefusal(t, form.remove, `{`+missing+`,"TagKeys":["a"]}`, notFound, missingStream)
	}
	f.wantRefusal(t, "ListTagsForStream", `{"StreamName":"missing"}`, notFound, missingStream)
	f.wantRefusal(t, "ListTagsForResource", `{"ResourceARN":"`+arnOf+`missing"}`, notFound, missingStream)
}

// tagged returns n tags as JSON.
func tagged(prefix string, n int) string {
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf(`"%s%02d":"v"`, prefix, i))
	}
	return "{" + strings.Join(tags, ",") + "}"
}

func TestTagLimit(t *testing.T) {
	const tooMany = "Failed to add tags to stream %s under account 111111111111 because a given stream cannot have more than 50 tags associated with it."
	f := newStream(t, 1)
	add := func(tags string) string { return `{"StreamName":"orders","Tags":` + tags + `}` }
	f.wantRefusal(t, "AddTagsToStream", add(tagged("x", 51)), invalidArgument, fmt.Sprintf(tooMany, "orders"))
	f.wantAnswer(t, "AddTagsToStream", add(tagged("x", 49)), 200, "")
	f.wantRefusal(t, "AddTagsToStream", add(tagged("y", 2)), invalidArgument, fmt.Sprintf(tooMany, "orders"))
	f.wantRefusal(t, "TagResource", `{"ResourceARN":"`+arnOf+`orders","Tags":`+tagged("y", 2)+`}`, invalidArgument, fmt.Sprintf(tooMany, "orders"))
	f.wantAnswer(t, "AddTagsToStream", add(tagged("y", 1)), 200, "")
	f.wantAnswer(t, "AddTagsToStream", add(tagged("x", 49)), 200, "") // other values for what is there
	if tags := do(t, f.ListTagsForResource, &kinesis.ListTagsForResourceInput{ResourceARN: arnOf + "orders"}).Tags; len(tags) != 50 {
		t.Errorf("%d tags", len(tags))
	}
	create := func(name, tags string) string {
		return `{"StreamName":"` + name + `","ShardCount":1,"Tags":` + tags + `}`
	}
	f.wantRefusal(t, "CreateStream", create("more", tagged("x", 51)), invalidArgument, fmt.Sprintf(tooMany, "more"))
	f.wantRefusal(t, "DescribeStreamSummary", `{"StreamName":"more"}`, notFound, "Stream more under account 111111111111 not found.")
	f.wantAnswer(t, "CreateStream", create("full", tagged("x", 50)), 200, "")
	if tags := do(t, f.ListTagsForStream, &kinesis.ListTagsForStreamInput{StreamName: "full"}).Tags; len(tags) != 50 {
		t.Errorf("%d tags of CreateStream", len(tags))
	}
}

func TestTagPages(t *testing.T) {
	f := newStream(t, 1)
	f.wantAnswer(t, "AddTagsToStream", `{"StreamName":"orders","Tags":{"c":"","a":"","b":"","A":""}}`, 200, "")
	for limit := 1; limit <= 5; limit++ {
		got, last := "", ""
		for more := true; more; {
			page := do(t, f.ListTagsForStream, &kinesis.ListTagsForStreamInput{StreamName: "orders", Limit: limit, ExclusiveStartTagKey: last})
			if more = page.HasMoreTags; len(page.Tags) != limit && more {
				t.Fatalf("limit %d: a page of %d", limit, len(page.Tags))
			}
			for _, tag := range page.Tags {
				got, last = got+tag.Key, tag.Key
			}
		}
		if got != "Aabc" {
			t.Errorf("limit %d: tags %s", limit, got)
		}
	}
	if page := do(t, f.ListTagsForStream, &kinesis.ListTagsForStreamInput{StreamName: "orders", ExclusiveStartTagKey: "aa"}); len(page.Tags) != 2 {
		t.Errorf("after a key that is none: %+v", page)
	}
}

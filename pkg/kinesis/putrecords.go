package kinesis

import (
	"millrace/pkg/hashkey"
	"millrace/pkg/seqnum"
)

// EncryptionNone is the encryption type of every stream.
const EncryptionNone = "NONE"

// PutRecordsInput asks to store records in a stream.
type PutRecordsInput struct {
	presence
	StreamName string
	StreamARN  string
	Records    []PutRecordsEntry
	DryRun     bool
}

// PutRecordsEntry is one record of a PutRecords.
type PutRecordsEntry struct {
	presence
	Data            []byte
	PartitionKey    string
	ExplicitHashKey string // decimal; "" where absent
}

// ExplicitHash returns the key that ExplicitHashKey states, nil where there is none.
func (e *PutRecordsEntry) ExplicitHash() *hashkey.Key { return parseHashKey(e.ExplicitHashKey) }

// PutRecordsOutput tells what became of each record, in the order of the request.
type PutRecordsOutput struct {
	presence
	EncryptionType    string // "" is written as EncryptionNone
	FailedRecordCount int
	Records           PutRecordsResults
}

// PutRecordsResults is the entries of an answer. It keeps what records share once: what a shard's records differ in is their sequence
// number alone.
type PutRecordsResults struct {
	Parts  []PutRecordsPart
	Places []PutRecordsPlace // for each entry
}

// PutRecordsPart is what entries share: the first two members where the records were stored, and the last two where they were not.
type PutRecordsPart struct {
	Numbers      seqnum.Run
	ShardId      string
	ErrorCode    string
	ErrorMessage string
}

// PutRecordsPlace tells whose entry it is: the record at that index, from 0 on, of a part.
type PutRecordsPlace struct {
	Part, Index int32
}

// PutRecordsResultEntry has the first two members of a record that was stored, and the last two of one that was not.
type PutRecordsResultEntry struct {
	presence
	SequenceNumber string
	ShardId        string
	ErrorCode      string
	ErrorMessage   string
}

// At returns the entry of the record at that place in the request.
func (r *PutRecordsResults) At(i int) PutRecordsResultEntry {
	part := &r.Parts[r.Places[i].Part]
	if part.ErrorCode != "" {
		return PutRecordsResultEntry{ErrorCode: part.ErrorCode, ErrorMessage: part.ErrorMessage}
	}
	var number [seqnum.Digits]byte
	r.putNumber(number[:], i)
	return PutRecordsResultEntry{SequenceNumber: string(number[:]), ShardId: part.ShardId}
}

func (r *PutRecordsResults) putNumber(dst []byte, i int) {
	place := r.Places[i]
	r.Parts[place.Part].Numbers.Put(dst, int(place.Index))
}

// Validate implements [Input].
func (in *PutRecordsInput) Validate() error { return validate(in) }

// Stream implements [Input].
func (in *PutRecordsInput) Stream() string { return streamOf(in.StreamName, in.StreamARN) }

func (in *PutRecordsInput) members(v visitor) {
	streamMembers(v, &in.StreamName, &in.StreamARN)
	v.check(in.size)
	v.list("Records", listOf(&in.Records), required, &records)
	v.boolean("DryRun", &in.DryRun, optional)
}

// size holds the request to MaxRequestData. Explicit hash keys do not count.
func (in *PutRecordsInput) size(vs *violations) {
	total := 0
	for i := range in.Records {
		total += len(in.Records[i].Data) + len(in.Records[i].PartitionKey)
	}
	if total > MaxRequestData {
		vs.text("Records size exceeds 5 MB limit")
	}
}

func (e *PutRecordsEntry) members(v visitor) {
	v.blob("Data", &e.Data, required, &recordData)
	v.text("PartitionKey", &e.PartitionKey, required, &partitionKey)
	v.text("ExplicitHashKey", &e.ExplicitHashKey, optional, &explicitHashKey)
}

// sound implements [sounder]. A text has no more characters than bytes.
func (e *PutRecordsEntry) sound() bool {
	return e.Data != nil && len(e.Data) <= recordData.max &&
		len(e.PartitionKey) >= partitionKey.min && len(e.PartitionKey) <= partitionKey.max &&
		e.ExplicitHashKey == "" && !e.has(2)
}

func (out *PutRecordsOutput) members(v visitor) {
	v.text("EncryptionType", &out.EncryptionType, required, &encryptionType)
	v.integer("FailedRecordCount", &out.FailedRecordCount, required, nil)
	v.alike("Records", resultList{&out.Records})
}

// resultList is the entries as a list to be written.
type resultList struct{ *PutRecordsResults }

func (l resultList) len() int       { return len(l.Places) }
func (l resultList) kinds() int     { return len(l.Parts) }
func (l resultList) kind(i int) int { return int(l.Places[i].Part) }
func (l resultList) at(i int) (structure, string) {
	entry := l.At(i)
	return &entry, entry.SequenceNumber
}
func (l resultList) put(dst []byte, i int) { l.putNumber(dst, i) }

func (e *PutRecordsResultEntry) members(v visitor) {
	v.text("SequenceNumber", &e.SequenceNumber, optional, nil)
	v.text("ShardId", &e.ShardId, optional, nil)
	v.text("ErrorCode", &e.ErrorCode, optional, nil)
	v.text("ErrorMessage", &e.ErrorMessage, optional, nil)
}

func parseHashKey(s string) *hashkey.Key {
	if s == "" { // as a rule
		return nil
	}
	key, err := hashkey.Parse(s)
	if err != nil {
		return nil
	}
	return &key
}

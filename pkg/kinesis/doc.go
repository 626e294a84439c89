// Package kinesis is the wire of the Kinesis API: what each operation takes and answers, the limits of both, the errors
// and their texts, and the codecs between bytes and these types.
//
// A wire type declares itself once. It embeds presence, and its method members lists its members in the order of the
// API's schema, each with where it is kept, whether it is required, and the limits declared for it. From that one list
// the package decodes the type, validates it and encodes it, in every format. Fields bear the names of the wire.
//
// # Why the JSON is read here
//
// Reading its body is the largest part of what a put costs. These were measured on bodies of PutRecords, each in turn, in one process
// on two cores of an AMD EPYC, go 1.26; the times are multiples of the scanner's (166 µs, 5.1 ms), the last column is the first
// decoding in a new process:
//
//	                                   500 x 100 B   allocations   5 MB    first
//	the scanner in json.go             1             12            1       6 µs
//	jsontext tokens, same visitor      2.7           530           2.9     -
//	encoding/json                      4.3           1,019         7.1     75 µs
//	encoding/json, GOEXPERIMENT=jsonv2 1.8           945           1.9     90 µs
//	sonic 1.15                         1.0           1,013         0.9     4,400 µs
//
// sonic compiles a decoder when it first meets a type: 4 ms and 3 MB of binary, on each cold start. None of those that fill a struct can say
// what AWS says of a member of the wrong type. So the scanner is our own; what is rare in a put, a text with escapes or beyond
// ASCII, it leaves to jsontext, and a test and a fuzzer hold it to what jsontext makes of whole documents.
//
// A new operation needs its two types in a file of their own, and limits in limits.go where the API declares new ones.
// A new format needs a source, a sink and a [Codec] built from them; the types do not change.
package kinesis

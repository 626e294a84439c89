// Package kinesis is the wire of the Kinesis API: what each operation takes and answers, the limits of both, the errors
// and their texts, and the codecs between bytes and these types.
//
// A wire type declares itself once. It embeds presence, and its method members lists its members in the order of the
// API's schema, each with where it is kept, whether it is required, and the limits declared for it. From that one list
// the package decodes the type, validates it and encodes it, in every format. Fields bear the names of the wire.
//
// A new operation needs its two types in a file of their own, and limits in limits.go where the API declares new ones.
// A new format needs a source, a sink and a [Codec] built from them; the types do not change.
package kinesis

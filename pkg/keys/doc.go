// Package keys decides who may do what: access keys with their secrets and rights, and the ring that holds those in force.
//
// A key is stored as JSON, in a file ([File]) or wherever a [Source] keeps it:
//
//	{"id":"MRAAAABBBBCCCCDDDDEE", "name":"checkout", "secret":"...", "actions":["Put*"], "streams":["orders*"],
//	 "enabled":true, "created":"2026-03-16T09:15:21Z"}
//
// name and created may be absent, for they grant nothing. Everything else must be there and be well-formed, and a member
// that is not known is refused, so that a slip of the pen opens nothing.
//
// In actions and streams, `*` stands for any run of characters, none among them. A key may take an action on a stream if
// one of its actions and one of its streams match. An action on no stream, such as ListStreams or DescribeLimits, tells of
// all of them, so it wants the stream pattern `*` itself, as IAM wants the resource `*` there.
package keys

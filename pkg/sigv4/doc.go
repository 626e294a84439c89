// Package sigv4 verifies that a request is signed by AWS Signature Version 4 for the service kinesis, with a key whose
// secret is known here ("Create a signed AWS API request", IAM User Guide).
//
// The signature that a request should have is made by a signer of AWS's own, over the request rebuilt from what the client says
// it signed, and compared in constant time. It is the signer of smithy-go's aws-http-auth rather than that of the SDK for Go, which
// always signs host: over HTTP/2 the SDK for JavaScript signs :authority in its place. Also the latter keeps the signing key of a
// key id for a day, whatever becomes of the secret.
//
// What must hold besides:
//
//   - The signature is in one Authorization header: Credential, SignedHeaders and Signature, each once, with commas between
//     them. One in the query string is refused, however good.
//   - The whole body is signed. Where there is an x-amz-content-sha256, it is the body's SHA-256 in lower-case hex;
//     UNSIGNED-PAYLOAD and streamed payloads are refused.
//   - host or :authority is signed, and every x-amz-* header: a target that can be changed or added on the way is worth nothing.
//     Exempt is x-amz-cf-id, which CloudFront adds before an edge-optimised API. Each of them is there once.
//   - Other headers may be signed or not, as in AWS. Content-Type may stay unsigned, because no body is a map both in JSON and in
//     CBOR: to change it makes a request unreadable, not another one. But it is there once.
//   - The date, x-amz-date or without that Date, is signed and within five minutes of now, both ways.
//   - The scope is of that date, the region, kinesis and aws4_request.
//   - There is no session token: keys of this endpoint are long-lived.
//
// Headers have the values that package net/http gives them: names in any case, folded lines unfolded, blanks around values cut.
// Runs of spaces inside a value count as one, as the algorithm has it; on tabs there the SDKs do not agree. The length of the body
// stands in for a Content-Length that is signed, because gateways may not pass that on.
//
// Not verified is a query that has a parameter twice, or names that sort in another order once they are encoded: the signer sorts
// before; nor a path with dots or two slashes that a client's signer resolves, as that for Go does not. Clients of Kinesis
// send neither.
//
// A request that was seen before is let in again within its five minutes, as by AWS. An unknown key is told from a wrong signature,
// as by AWS, so nothing is done to make the one take as long as the other.
package sigv4

package streams

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"millrace/pkg/kinesis"
	"millrace/pkg/shardlog"
)

// token is what a shard iterator, or the token of a page of shards, holds. Clients carry it as text that tells them
// nothing they may rely on.
//
// It is authenticated by HMAC-SHA256 with the stream's id as the key: 130 random bits, fresh at each creation, which no
// answer ever tells. So whoever holds a token can neither make one for another stream, nor change their own; and one of a stream
// that was deleted and created again under its name is refused.
//
// Layout, version 1: version, kind, length of the name, name, the four numbers and the time issued in milliseconds (8
// bytes each, big-endian), the first 16 bytes of the HMAC of all that; in base64.
type token struct {
	kind    tokenKind
	stream  string
	numbers [4]uint64
	issued  time.Time // whole milliseconds
}

type tokenKind byte

const (
	iteratorToken tokenKind = 'i'
	shardsToken   tokenKind = 's'
)

const (
	tokenVersion = 1
	tokenMAC     = 16
)

var errToken = errors.New("not a token of this endpoint")

// seal returns the token as clients carry it.
func (t token) seal(streamID string) string {
	b := append([]byte{tokenVersion, byte(t.kind), byte(len(t.stream))}, t.stream...)
	for _, n := range t.numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(t.issued.UnixMilli()))
	return base64.StdEncoding.EncodeToString(append(b, tokenCode(b, streamID)...))
}

func tokenCode(b []byte, streamID string) []byte {
	mac := hmac.New(sha256.New, []byte(streamID))
	mac.Write(b)
	return mac.Sum(nil)[:tokenMAC]
}

// sealedToken is a token whose code is still to be checked.
type sealedToken struct {
	token
	body, code []byte
}

// openToken reads a token of a kind. A token has one text: none with line breaks or spare bits is taken.
func openToken(text string, kind tokenKind) (sealedToken, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(b) != text {
		return sealedToken{}, errToken
	}
	if len(b) < 3 || b[0] != tokenVersion || tokenKind(b[1]) != kind {
		return sealedToken{}, errToken
	}
	name := int(b[2])
	var t sealedToken
	if len(b) != 3+name+8*(len(t.numbers)+1)+tokenMAC {
		return sealedToken{}, errToken
	}
	t.body, t.code = b[:len(b)-tokenMAC], b[len(b)-tokenMAC:]
	t.kind, t.stream = kind, string(b[3:3+name])
	rest := b[3+name:]
	for i := range t.numbers {
		t.numbers[i] = binary.BigEndian.Uint64(rest[8*i:])
	}
	t.issued = time.UnixMilli(int64(binary.BigEndian.Uint64(rest[8*len(t.numbers):]))).UTC()
	return t, nil
}

func (t sealedToken) isOf(streamID string) bool {
	return hmac.Equal(t.code, tokenCode(t.body, streamID))
}

// StreamOf returns the name of the one stream that an operation would take an input to: the one that the input names, or that its
// iterator or token claims to be for. It is "" for an input that names none. It fails as the operation would where an
// iterator or token cannot be read. The input may not have passed its Validate: then the name may not be one that a stream can have.
func StreamOf(in kinesis.Input) (string, error) {
	text, kind, refusal := "", iteratorToken, kinesis.InvalidIterator()
	switch in := in.(type) {
	case *kinesis.GetRecordsInput:
		text = in.ShardIterator
	case *kinesis.ListShardsInput:
		text, kind, refusal = in.NextToken, shardsToken, kinesis.InvalidNextToken()
	}
	if text == "" {
		return in.Stream(), nil
	}
	t, err := openToken(text, kind)
	if err != nil {
		return "", refusal
	}
	return t.stream, nil
}

// streamOf returns the stream that a token was made for, from the cache if that is the one. It fails with errToken where
// the stream is another by now.
func (s *Service) streamOf(ctx context.Context, t sealedToken) (shardlog.Stream, error) {
	stream, err := s.streams.Cached(ctx, t.stream)
	if err == nil && !t.isOf(stream.ID) {
		stream, err = s.streams.Describe(ctx, t.stream)
	}
	if err == nil && !t.isOf(stream.ID) {
		err = errToken
	}
	return stream, err
}

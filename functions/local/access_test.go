package main

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"

	"millrace/pkg/lacking"
	"millrace/pkg/lacking/fetched"
)

// keysFile returns an empty folder's file of keys, with a key in it that may do everything.
func keysFile(t *testing.T) (file, id, secret string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "keys.json")
	id, secret = newKey(t, "-keys", file, "-name", "admin")
	return file, id, secret
}

func clientWith(url, id, secret string) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""), RetryMaxAttempts: 1,
		HTTPClient: wholeBodies{},
	})
}

// TestKeys has stock clients of the SDK for Go try the door of a closed endpoint. Secrets show neither in what it logs
// nor in what it answers.
func TestKeys(t *testing.T) {
	file, admin, adminSecret := keysFile(t)
	producer, producerSecret := newKey(t, "-keys", file, "-name", "checkout", "-actions", "Put*", "-streams", "orders*")
	off, offSecret := newKey(t, "-keys", file, "-name", "left")
	if _, err := millraceKey(t, "disable", "-keys", file, off); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "-memory", "-keys", file)
	call := map[string]func(*kinesis.Client) error{
		"create": func(c *kinesis.Client) error {
			_, err := c.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders-eu"), ShardCount: aws.Int32(1)})
			return err
		},
		"put": func(c *kinesis.Client) error {
			_, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("orders-eu"), PartitionKey: aws.String("k"), Data: []byte("x")})
			return err
		},
		"put elsewhere": func(c *kinesis.Client) error {
			_, err := c.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("payments"), PartitionKey: aws.String("k"), Data: []byte("x")})
			return err
		},
		"list streams": func(c *kinesis.Client) error {
			_, err := c.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
			return err
		},
	}
	var told strings.Builder
	for _, test := range []struct {
		who, id, secret, call string
		want                  string // code of the error
	}{
		{"admin", admin, adminSecret, "create", ""},
		{"admin", admin, adminSecret, "list streams", ""},
		{"producer", producer, producerSecret, "put", ""},
		{"producer", producer, producerSecret, "put elsewhere", "AccessDeniedException"},
		{"producer", producer, producerSecret, "list streams", "AccessDeniedException"},
		{"producer", producer, producerSecret, "create", "AccessDeniedException"},
		{"wrong secret", producer, adminSecret, "put", "InvalidSignatureException"},
		{"unknown", "MRAAAAAAAAAAAAAAAAAA", adminSecret, "put", "UnrecognizedClientException"},
		{"disabled", off, offSecret, "put", "UnrecognizedClientException"},
	} {
		err := call[test.call](clientWith(s.url, test.id, test.secret))
		fmt.Fprintln(&told, err)
		var refused smithy.APIError
		if test.want == "" && err != nil || test.want != "" && (!errors.As(err, &refused) || refused.ErrorCode() != test.want) {
			t.Errorf("%s: %s: %v, want %s", test.who, test.call, err, test.want)
		}
	}
	if got := send(t, http.DefaultClient, s.url, "ListStreams", "{}"); got != `403 {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}` {
		t.Errorf("without signature: %s", got)
	}
	s.stop(t, syscall.SIGTERM)
	for _, secret := range []string{adminSecret, producerSecret, offSecret} {
		if strings.Contains(s.log.String(), secret) || strings.Contains(told.String(), secret) {
			t.Errorf("a secret shows in\n%s\n%s", s.log, &told)
		}
	}
	for _, want := range []string{"closed: requests must be signed with a key", "file=" + file, "keys=3", producer} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log does not tell %q: %s", want, s.log)
		}
	}
}

// TestOpen: an endpoint without keys says that it is open.
func TestOpen(t *testing.T) {
	s := startServer(t, "-memory")
	if _, err := clientWith(s.url, "any", "any").ListStreams(t.Context(), &kinesis.ListStreamsInput{}); err != nil {
		t.Error(err)
	}
	s.stop(t, syscall.SIGTERM)
	if strings.Count(s.log.String(), "open: everybody is let in") != 1 {
		t.Errorf("the log: %s", s.log)
	}
}

// TestClientsWithKeys takes streams around the loop by other SDKs as they are, each with a key.
func TestClientsWithKeys(t *testing.T) {
	t.Parallel()
	file, id, secret := keysFile(t)
	around := func(t *testing.T, command ...string) {
		t.Helper()
		sound, failing := startServer(t, "-data", t.TempDir(), "-keys", file), startServer(t, "-memory", "-throttle", "0.3", "-keys", file)
		env := []string{"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret}
		t.Log(runProgram(t, env, append(command, sound.url, failing.url)...))
	}
	t.Run("boto3", func(t *testing.T) { around(t, fetchBoto3(t), "testdata/boto3/client.py") })
	for _, protocol := range []string{"h2", "http/1.1"} {
		t.Run("JavaScript, "+protocol, func(t *testing.T) {
			around(t, lacking.Program(t, "node"), filepath.Join(besideJavaScriptSDK(t), "client.mjs"), protocol)
		})
	}
	t.Run("Java", func(t *testing.T) { // in CBOR
		around(t, append(fetched.Java(t, "java-sdk-"+javaSDKVersion, "testdata/java/pom.xml"), "testdata/java/Client.java")...)
	})
	t.Run("AWS CLI", func(t *testing.T) {
		c := cli{path: fetchCLI(t), url: startServer(t, "-memory", "-keys", file).url}
		said, err := c.run(t.Context(), "list-streams") // with the credentials that an open endpoint takes
		if err == nil || !strings.Contains(said, "UnrecognizedClientException") || !strings.Contains(said, "The security token included in the request is invalid.") {
			t.Errorf("it says %s, %v", said, err)
		}
	})
}

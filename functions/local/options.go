package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"time"

	"millrace/pkg/boltstore"
	"millrace/pkg/dynamostore"
	"millrace/pkg/httpapi"
	"millrace/pkg/shardlog"
	"millrace/pkg/shardlog/memstore"
	"millrace/pkg/streams"
)

// errUsage is wrapped by errors about the command line.
var errUsage = errors.New("wrong usage")

// options are the command line.
type options struct {
	replay bool
	files  []string // to replay

	addr             string
	data             string
	memory           bool
	dynamoDBEndpoint string
	table            string
	account          string
	region           string

	tls             bool
	tlsCert, tlsKey string

	keys   string         // file
	access httpapi.Access // opened of keys by [options.openKeys]; nil lets in everybody

	throttle, fail float64
	latency        time.Duration
	enforceLimits  bool
	verbose        bool
}

func parse(args []string) (options, error) {
	var o options
	if len(args) > 0 && args[0] == "replay" {
		o.replay, args = true, args[1:]
	}
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	o.files = flags.Args()
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.replay && !given["data"] && !given["dynamodb-endpoint"] {
		o.memory = true
	}
	return o, o.check(given)
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("millrace", flag.ContinueOnError)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:4567", "`host:port` to serve on; port 0 takes a free one")
	flags.StringVar(&o.data, "data", ".millrace", "`directory` of the embedded store")
	flags.BoolVar(&o.memory, "memory", false, "keep everything in memory and forget it at the end")
	flags.StringVar(&o.dynamoDBEndpoint, "dynamodb-endpoint", "", "`URL` of a DynamoDB on this machine, in place of the embedded store")
	flags.StringVar(&o.table, "table", "millrace", "DynamoDB `table`, created if missing")
	flags.StringVar(&o.account, "account", "000000000000", "AWS account `id` that ARNs and errors name")
	flags.StringVar(&o.region, "region", "us-east-1", "AWS `region` that ARNs name, and that requests are signed for with -keys")
	flags.BoolVar(&o.tls, "tls", false, "serve HTTPS, with a certificate of its own that is made once and kept in the directory of -data")
	flags.StringVar(&o.tlsCert, "tls-cert", "", "serve HTTPS with the certificate in this `file`; needs -tls-key")
	flags.StringVar(&o.tlsKey, "tls-key", "", "`file` with the key of -tls-cert")
	flags.StringVar(&o.keys, "keys", "", "let in only who signs with a key in this `file`, which millrace key create makes; without it everybody is let in")
	flags.Float64Var(&o.throttle, "throttle", 0, "`share` of records that fail with ProvisionedThroughputExceededException, 0 to 1")
	flags.Float64Var(&o.fail, "fail", 0, "`share` of records that fail with InternalFailure, 0 to 1")
	flags.DurationVar(&o.latency, "latency", 0, "`time` that each request waits before it is served, such as 50ms")
	flags.BoolVar(&o.enforceLimits, "enforce-limits", false, "hold each shard of a PROVISIONED stream to Kinesis's 1,000 records and 1 MB a second, as the Lambda does")
	flags.BoolVar(&o.verbose, "verbose", false, "log every request, not only what was refused or failed")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "usage: millrace [flags]\n       millrace replay [flags] FILE...   (in memory, unless -data or -dynamodb-endpoint is given)\n"+
			"       millrace key COMMAND ...           (creates, lists and changes access keys; -h tells more)\n\n")
		flags.PrintDefaults()
	}
	flags.SetOutput(os.Stderr)
	return flags
}

// check refuses what does not go together.
func (o *options) check(given map[string]bool) error {
	switch {
	case o.replay && len(o.files) == 0:
		return fmt.Errorf("%w: replay needs the files of the events", errUsage)
	case !o.replay && len(o.files) > 0:
		return fmt.Errorf("%w: unexpected argument %q", errUsage, o.files[0])
	case o.memory && (given["data"] || given["dynamodb-endpoint"]):
		return fmt.Errorf("%w: -memory goes with neither -data nor -dynamodb-endpoint", errUsage)
	case given["data"] && given["dynamodb-endpoint"]:
		return fmt.Errorf("%w: -data and -dynamodb-endpoint are two different stores", errUsage)
	case given["table"] && !given["dynamodb-endpoint"]:
		return fmt.Errorf("%w: -table needs -dynamodb-endpoint", errUsage)
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return fmt.Errorf("%w: -tls-cert and -tls-key go together", errUsage)
	case o.tls && o.tlsCert != "":
		return fmt.Errorf("%w: -tls makes a certificate of its own, -tls-cert names one", errUsage)
	case given["keys"] && o.keys == "":
		return fmt.Errorf("%w: -keys names no file", errUsage)
	case given["keys"] && o.replay:
		return fmt.Errorf("%w: replay sends events as API Gateway has let them in, so -keys is not for it", errUsage)
	case !(o.throttle >= 0 && o.fail >= 0 && o.throttle+o.fail <= 1):
		return fmt.Errorf("%w: -throttle and -fail are shares between 0 and 1, and so is their sum", errUsage)
	case o.latency < 0:
		return fmt.Errorf("%w: -latency is negative", errUsage)
	case !regexp.MustCompile(`^\d{12}$`).MatchString(o.account):
		return fmt.Errorf("%w: -account %q is not 12 digits", errUsage, o.account)
	case o.region == "":
		return fmt.Errorf("%w: -region is empty", errUsage)
	}
	return nil
}

// logLevel leaves the lines of refused requests out of a replay, which prints their answers.
func (o *options) logLevel() slog.Level {
	if o.replay && !o.verbose {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// openStore returns the store that the flags ask for, and what closes it. One that does not drop expired records by itself is a
// [reclaimer].
func (o *options) openStore(ctx context.Context) (shardlog.Store, func() error, error) {
	nothing := func() error { return nil }
	switch {
	case o.memory:
		return memstore.New(), nothing, nil
	case o.dynamoDBEndpoint != "":
		store, err := dynamostore.Open(ctx, dynamostore.Config{Table: o.table, Region: o.region, Endpoint: o.dynamoDBEndpoint})
		return store, nothing, err
	default:
		store, err := boltstore.Open(o.data)
		if err != nil {
			return nil, nil, err
		}
		useWaits()
		return store, store.Close, nil
	}
}

// storeName says where records go, for the line that greets.
func (o *options) storeName() string {
	switch {
	case o.memory:
		return "memory"
	case o.dynamoDBEndpoint != "":
		return "table " + o.table + " at " + o.dynamoDBEndpoint
	default:
		return o.data
	}
}

// newHandler compresses where bytes are billed. On this machine they are cheaper than the time it takes. It logs no request that was served, unless
// asked to: a line each slows puts of one record by a twelfth.
func (o *options) newHandler(store shardlog.Store, logger *slog.Logger) http.Handler {
	log := shardlog.NewLog(store, shardlog.Options{Compress: o.dynamoDBEndpoint != "", EnforceLimits: o.enforceLimits})
	service := streams.New(log, streams.Config{
		Account: o.account, Region: o.region, Logger: logger, Refuse: o.refusal(),
	})
	return delayed(httpapi.New(httpapi.Config{Service: service, Logger: logger, Access: o.access, Quiet: !o.verbose}), o.latency)
}

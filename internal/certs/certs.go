package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
)

// A Failure is what could not be loaded, in the words of a redis-server, and why.
type Failure struct {
	What string
	Err  error
}

func (f *Failure) Error() string { return f.What + ": " + f.Err.Error() }

// Unwrap returns why.
func (f *Failure) Unwrap() error { return f.Err }

// Load reads a certificate, and its key, which may be encrypted with a pass phrase.
func Load(certFile, keyFile, pass string) (cert tls.Certificate, err error) {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return cert, &Failure{"Failed to load certificate", err}
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err == nil {
		keyPEM, err = decryptKey(keyPEM, pass)
	}
	if err != nil {
		return cert, &Failure{"Failed to load private key: " + keyFile, err}
	}
	if cert, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		err = &Failure{"Failed to load certificate: " + certFile, err}
	}
	return cert, err
}

// Authorities reads the certificates of a file and of all files of a directory; nil if
// neither is named.
func Authorities(file, dir string) (*x509.CertPool, error) {
	if file == "" && dir == "" {
		return nil, nil
	}
	const failed = "Failed to configure CA certificate(s) file/directory"
	pool := x509.NewCertPool()
	if file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, &Failure{failed, err}
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, &Failure{failed, errors.New("no certificate in " + file)}
		}
	}
	if dir == "" {
		return pool, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &Failure{failed, err}
	}
	for _, e := range entries {
		pem, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err == nil {
			pool.AppendCertsFromPEM(pem) // a directory may hold other things too
		}
	}
	return pool, nil
}

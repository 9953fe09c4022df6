package certs

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"hash"
)

// Keys behind a pass phrase, in the form of RFC 8018 that openssl
// writes: PKCS #8, PBES2, PBKDF2 and AES.

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	// The hashes of PBKDF2's HMAC, and the lengths of AES's keys, by the last numbers of
	// 1.2.840.113549.2 and of 2.16.840.1.101.3.4.1.
	keyHashes  = map[int]func() hash.Hash{7: sha1.New, 9: sha256.New, 10: sha512.New384, 11: sha512.New}
	keyLengths = map[int]int{2: 16, 22: 24, 42: 32}
)

type encryptedKey struct {
	Algorithm struct {
		ID     asn1.ObjectIdentifier
		Params struct {
			KDF struct {
				ID     asn1.ObjectIdentifier
				Params struct {
					Salt       []byte
					Iterations int
					KeyLength  int                      `asn1:"optional"`
					PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
				}
			}
			Cipher struct {
				ID asn1.ObjectIdentifier
				IV []byte
			}
		}
	}
	Data []byte
}

// maxIterations bounds the work that a file may ask for.
const maxIterations = 100_000_000

// decryptKey returns a key file's text with the key in it in the clear. One that is not
// encrypted stays as it is.
func decryptKey(text []byte, pass string) ([]byte, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no key")
	}
	switch {
	case block.Headers["DEK-Info"] != "":
		return nil, errors.New("it is encrypted in a way that is not safe any more: openssl pkcs8 -topk8 makes a better one of it")
	case block.Type != "ENCRYPTED PRIVATE KEY":
		return text, nil
	case pass == "":
		return nil, errors.New("it is encrypted, and no pass phrase is given, as by tls-key-file-pass")
	}
	var k encryptedKey
	if _, err := asn1.Unmarshal(block.Bytes, &k); err != nil || !k.Algorithm.ID.Equal(oidPBES2) || !k.Algorithm.Params.KDF.ID.Equal(oidPBKDF2) {
		return nil, errors.New("it is encrypted in a way that is not known here")
	}
	kdf, c := &k.Algorithm.Params.KDF.Params, &k.Algorithm.Params.Cipher
	newHash := sha1.New
	if prf := kdf.PRF.Algorithm; prf != nil {
		newHash = keyHashes[prf[len(prf)-1]]
	}
	length := keyLengths[c.ID[len(c.ID)-1]]
	if newHash == nil || length == 0 || len(c.IV) != aes.BlockSize || len(k.Data) == 0 || len(k.Data)%aes.BlockSize != 0 ||
		kdf.Iterations < 1 || kdf.Iterations > maxIterations {
		return nil, errors.New("it is encrypted in a way that is not known here")
	}
	key, err := pbkdf2.Key(newHash, pass, kdf.Salt, kdf.Iterations, length)
	if err != nil {
		return nil, err
	}
	aesCipher, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	clear := make([]byte, len(k.Data))
	cipher.NewCBCDecrypter(aesCipher, c.IV).CryptBlocks(clear, k.Data)
	n := int(clear[len(clear)-1])
	if n == 0 || n > aes.BlockSize || !bytes.HasSuffix(clear, bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errors.New("bad decrypt: the pass phrase is wrong")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: clear[:len(clear)-n]}), nil
}

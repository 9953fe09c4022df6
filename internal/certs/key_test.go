package certs

import (
	"encoding/pem"
	"strings"
	"testing"
)

// The same key, in the clear and encrypted by openssl pkcs8 -topk8 in several ways, with
// the pass phrase sesame.
const (
	plainKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+2wnP895U3y6FRNL
V7z3A33ls9U3k1A0EZVKcF7qi2GhRANCAAScpHmCkeW247vGg5FMRqKqffPv5LMa
3KwksO4wBG0wOVvkfUaW89iyIvURZpwFaD+pw4fht7eKY0yGH8UWBk89
-----END PRIVATE KEY-----
`
	keyAES256 = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAga/6+GkqkaagICA+gw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBvqAMWEN9j2Yg0dwwI+q4MEgZBJ
tUfiWYmctTnKDkEd7+/rWbdVkhRdILVdt0l/8rKxL4m63wPJ00NNOgPA/hvGJCm+
iy7GYvGtNQNNuYBxuVfanhzReKlk1O5YH7D5IX5ToTdpSgAB6CWdraDgdwbAJwXW
yafW9hl472xEvKanqJCj+CE1Xv7GvNtHV5OLOh77oQMLV6iDXNwW0n7PLUDXdyY=
-----END ENCRYPTED PRIVATE KEY-----
`
	keyAES128SHA1 = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAg2/MV/jMUK3QICA+gw
HQYJYIZIAWUDBAECBBBQRRwHUOONSlcyqAIn43W5BIGQNSGTV+WMwTmCzTo+Ri6Q
3zRpW7KOyhGSZwM6ruIMUupcE1Xd2Us2THQQVFDHIMjfMeqsa3uiSiBR2hLS0KKH
jcf37+ylvXoaI2Dk+zItdqGKhjIjsdEripPdWe3wXu1UpnBwrBiNVNrkdREf+Cbu
LKHkfFg/DLq0Gvhza03/6rXQWAKzRXR3X9tiNhjGA+4T
-----END ENCRYPTED PRIVATE KEY-----
`
	keyAES192SHA512 = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhjwdnfk8aRdwICA+gw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEARYEEAFLwJSyUHI9SpROLGlDCLAEgZBt
aAwFI14oanC8ZQHv8RhgbIu6KbyzQybSQGq45WKxN/VyqiYVAxvzJ5KajeZwh2Fv
gZOMThoGFefWqq9g2xozOXoiMbsQqq1bl10hKy4zrhaYmc7Ug6YoOD9f8dIWslhe
GmNBl1UMm3WCCoUBC7TvRLn8m7RqdiO9PKDSiLquGqIdfrlwS5dzQG49TJXZyHI=
-----END ENCRYPTED PRIVATE KEY-----
`
	keyDES3 = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAiaeoIB40EkxQICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIcQAfiCP9i3UEgZCpa8UlI5dbKi6c
Th1YsEd7w8NWc9/TKrofShJWgF+4b/2+sOLXeow2sDZbZZRAKNe8pntZlr8tpZXO
pN65MaFMVsKlj5DKtIgVzVY2XUXr2AG+TdWjL+O+7gJd5VUv69F2QkEiDyVMl7fr
Vz+2P+6892rLz49DDsLUAgLLsrpKwcj0G/n9saRsOlzYCORal8E=
-----END ENCRYPTED PRIVATE KEY-----
`
	keyLegacy = `-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,EF68E7056D9797E23BE0808CEE316823

/6e8bvUQPMPVK6U2KqpaRdFMIwxnrZEEXqhIBmlJHA974rse954va36A/1aphnun
CulWoq9+RGAsrh7rtzq/e8f79Ryhg2m4DgivRCxesn98Rg7AHpAicOA8nMyy42H7
s1cEb00ggSGZokXsgws+kyRnHQK1uKHYR85u0qxN3Ks=
-----END EC PRIVATE KEY-----
`
)

func TestDecryptKey(t *testing.T) {
	for _, test := range []struct{ key, pass, why string }{
		{plainKey, "", ""}, {plainKey, "whatever", ""}, {keyAES256, "sesame", ""}, {keyAES128SHA1, "sesame", ""}, {keyAES192SHA512, "sesame", ""},
		{keyAES256, "", "tls-key-file-pass"}, {keyAES256, "wrong", "bad decrypt"}, {keyDES3, "sesame", "not known here"},
		{keyLegacy, "sesame", "openssl pkcs8 -topk8"}, {"nonsense", "", "no key"},
		{"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "x", "not known here"},
	} {
		got, err := decryptKey([]byte(test.key), test.pass)
		switch {
		case test.why == "" && (err != nil || string(got) != plainKey):
			t.Errorf("%.60q with %q: %v, %s", test.key, test.pass, err, got)
		case test.why != "" && (err == nil || !strings.Contains(err.Error(), test.why)):
			t.Errorf("%.60q with %q: %v, want %s", test.key, test.pass, err, test.why)
		}
	}
}

// FuzzDecryptKey gives files of any bytes.
func FuzzDecryptKey(f *testing.F) {
	for _, key := range []string{keyAES256, keyAES128SHA1, keyDES3, plainKey} {
		block, _ := pem.Decode([]byte(key))
		f.Add(block.Bytes)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if len(der) > 300 {
			return // a number of iterations may stand in it, and take its time
		}
		_, _ = decryptKey(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), "pass")
	})
}

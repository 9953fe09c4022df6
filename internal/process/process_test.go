package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
)

func TestPIDFile(t *testing.T) {
	for _, c := range []struct {
		configured string
		daemonized bool
		want       string
	}{{"", false, ""}, {"", true, "/var/run/redis.pid"}, {"x", false, "x"}, {"x", true, "x"}} {
		if got := PIDPath(c.configured, c.daemonized); got != c.want {
			t.Errorf("PIDPath(%q, %v) = %q, want %q", c.configured, c.daemonized, got, c.want)
		}
	}

	path := t.TempDir() + "/larder.pid"
	remove, err := WritePIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if want := fmt.Sprintf("%d\n", os.Getpid()); err != nil || string(b) != want {
		t.Errorf("pid file = %q, %v, want %q", b, err, want)
	}
	remove()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after remove: %v, want it gone", err)
	}

	if remove, err = WritePIDFile(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	remove()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the pid file of another process is gone: %v", err)
	}

	if _, err := WritePIDFile(t.TempDir() + "/none/x"); err == nil {
		t.Error("a pid file in no directory: no error")
	}
	if remove, err = WritePIDFile(""); err != nil {
		t.Error(err)
	}
	remove()
}

func TestOpenFiles(t *testing.T) {
	log := NewLog()
	log.out = io.Discard
	if n, err := RaiseOpenFiles(log, 10); n != 10 || err != nil {
		t.Errorf("RaiseOpenFiles(10) = %d, %v, want 10", n, err)
	}
	if err := CheckClients(10); err != nil {
		t.Errorf("CheckClients(10) = %v", err)
	}
}

package process

import (
	"os"
	"strconv"
	"strings"
)

// defaultPIDFile is where a daemon that was not told otherwise leaves its pid.
const defaultPIDFile = "/var/run/redis.pid"

// PIDPath returns where the pid file belongs, or "" where there is to be none:
// only a daemon has one without being told.
func PIDPath(configured string, daemonized bool) string {
	if configured == "" && daemonized {
		return defaultPIDFile
	}
	return configured
}

// WritePIDFile writes the pid of this process to a file and returns what takes
// it away again at a clean exit. It does nothing where path is empty. A file
// that by then holds another pid is a later process's and stays.
//
// A relative path is followed from where the process is; remove needs it to be
// the same place.
func WritePIDFile(path string) (remove func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	pid := strconv.Itoa(os.Getpid())
	if err := os.WriteFile(path, []byte(pid+"\n"), 0o644); err != nil {
		return func() {}, err
	}
	return func() {
		if b, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(b)) == pid {
			os.Remove(path)
		}
	}, nil
}

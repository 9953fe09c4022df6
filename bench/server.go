package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// {port}, {dir} and {threads} are replaced.
const redisCommand = "redis-server --port {port} --bind 127.0.0.1 --save --appendonly no --dir {dir}"

// A server is a process that was started for a measurement.
type server struct {
	command string // with what is to be replaced
	cmd     *exec.Cmd
	words   []string // of its command line
	addr    string
	dir     string
}

// startServer starts a server on a port that was free a moment ago, and
// returns when it answers PING.
func startServer(command string) (*server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	dir, err := os.MkdirTemp("", "larder-bench")
	if err != nil {
		return nil, err
	}
	words := strings.Fields(strings.NewReplacer("{port}", port, "{dir}", dir).Replace(command))
	for i := 1; i < len(words); i++ { // "--save" alone means an empty value
		if words[i] == "--save" {
			words = append(words[:i+1], append([]string{""}, words[i+1:]...)...)
			break
		}
	}
	s := &server{command: command, words: words, addr: addr, dir: dir}
	if err := s.start(5 * time.Second); err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return s, nil
}

// start runs the command, and returns when it answers PING.
func (s *server) start(wait time.Duration) error {
	s.cmd = exec.Command(s.words[0], s.words[1:]...)
	out, err := os.Create(s.output())
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s.answers() {
			return nil
		}
	}
	said, _ := os.ReadFile(s.output())
	return fmt.Errorf("it does not answer PING; it says:\n%s", said)
}

// output is the file with what the server prints.
func (s *server) output() string { return filepath.Join(s.dir, "output") }

func (s *server) answers() bool {
	c, err := net.DialTimeout("tcp", s.addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Write(appendCommand(nil, "PING"))
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line == "+PONG\r\n"
}

func (s *server) pid() int           { return s.cmd.Process.Pid }
func (s *server) cpu() time.Duration { return processCPU(s.pid()) }

// stop ends the process by its pid, hard if it does not end when told to.
func (s *server) stop() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		t := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() })
		_ = s.cmd.Wait()
		t.Stop()
	}
	_ = os.RemoveAll(s.dir)
}

// larderCommand is the command of larder's server, which is built if need be;
// the empty string, and why, if there is none.
func larderCommand(sc scale) (command, why string, cleanup func()) {
	cleanup = func() {}
	if sc.server != "" {
		return sc.server, "", cleanup
	}
	if _, err := os.Stat("../examples/server/main.go"); err != nil {
		return "", "there is no examples/server yet", cleanup
	}
	dir, err := os.MkdirTemp("", "larder-bench")
	if err != nil {
		return "", err.Error(), cleanup
	}
	cleanup = func() { _ = os.RemoveAll(dir) }
	bin := filepath.Join(dir, "larder-server")
	build := exec.Command("go", "build", "-o", bin, "./examples/server")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Sprintf("examples/server does not build: %s", out), cleanup
	}
	return bin + " --port {port} --bind 127.0.0.1 --save --dir {dir} --io-threads {threads}", "", cleanup
}

func withThreads(command string, n int) string {
	return strings.ReplaceAll(command, "{threads}", strconv.Itoa(n))
}

package process_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/larderdb/larder/internal/process"
)

// The library logs to a slog.Logger; in a server its lines are shaped as Redis's.
func Example() {
	dir, _ := os.MkdirTemp("", "process")
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "log")

	l := process.NewLog()
	if err := l.SetFile(file); err != nil {
		fmt.Println(err)
	}
	level, _ := process.ParseLevel("notice")
	l.SetLevel(level)
	slog.New(l.Handler()).Debug("nobody sees this")
	slog.New(l.Handler()).Warn("the disk is full", "file", "dump.rdb")

	lines, _ := os.ReadFile(file)
	fmt.Print(string(lines)[strings.Index(string(lines), "#"):]) // before it are process, date and time
	// Output:
	// # the disk is full file=dump.rdb
}

package conf

import (
	"fmt"
	"strings"
)

// A CommandLine is what the words behind the program's name ask for.
type CommandLine struct {
	Version, Help bool
	File          string   // the configuration file, or ""
	Stdin         bool     // read a configuration from standard input too
	Directives    []string // the rest, as lines of a configuration
}

// ParseArgs understands redis-server's command line:
//
//	[FILE] [-] [--directive value ...] [-]
//
// The first word is a file unless it starts with a dash; "-" as the first or
// the last word is standard input. Two dashes start a directive, whose values
// are the words up to the next that has two dashes, except that the first of
// them may have dashes of its own; name and values may also be one word, and
// words that no directive claims are a directive of their own. --save without a
// value saves nothing.
//
// An error is of type *ParseError.
func ParseArgs(args []string) (CommandLine, error) {
	var cl CommandLine
	if len(args) == 0 {
		return cl, nil
	}
	switch args[0] {
	case "-v", "--version":
		return CommandLine{Version: true}, nil
	case "-h", "--help":
		return CommandLine{Help: true}, nil
	case "--check-system", "--test-memory":
		return cl, &ParseError{Directive: args[0], Reason: "larder does not test the machine it runs on; redis-server does"}
	}
	first := 0
	if !strings.HasPrefix(args[0], "-") {
		cl.File = args[0]
		first = 1
	}

	line := ""
	valueDue := false // the directive before has its name only
	for i := first; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-" && (i == 0 || i == len(args)-1):
			cl.Stdin = true
		case !valueDue && strings.HasPrefix(arg, "--"):
			if line != "" {
				cl.Directives = append(cl.Directives, line)
			}
			line = arg[2:] + " "
			words, _ := cut(arg)
			if len(words) != 1 {
				continue // name and values in one
			}
			next := ""
			if i+1 < len(args) {
				next = args[i+1]
			}
			last := i+1 == len(args)
			switch name := strings.ToLower(arg); {
			case name == "--sentinel":
				return cl, &ParseError{Directive: "sentinel", Reason: "larder is no sentinel; redis-sentinel is"}
			case name == "--save" && (last || strings.HasPrefix(next, "--")):
				line += `""`
			default:
				valueDue = true
			}
		default:
			line += quote(arg) + " "
			valueDue = false
		}
	}
	if line != "" {
		cl.Directives = append(cl.Directives, line)
	}
	return cl, nil
}

// Usage returns what --help prints.
func Usage(program string) string {
	return fmt.Sprintf(`Usage: %[1]s [FILE | -] [--directive value ...]

  FILE                 a configuration, as of redis-server 7.0
  -                    the same from standard input (as the first or the last word)
  --directive value    a line of it, read last; any redis.conf directive

  %[1]s -v, --version  print the version and end
  %[1]s -h, --help     print this and end

For example:
  %[1]s --port 7777 --maxmemory 100mb --maxmemory-policy allkeys-lru
  %[1]s ./redis.conf --loglevel verbose
  echo 'maxmemory 128mb' | %[1]s -
`, program)
}

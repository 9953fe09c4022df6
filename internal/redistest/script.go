package redistest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A script is a parsed file. Its blocks keep their lines as they stand, so that rewriting changes replies only.
type script struct {
	path   string
	blocks []*block
}

type block struct {
	line  int      // of the file, 1 based, where the block begins
	head  []string // everything before the first "----"
	steps []step
	proto int // 2 or 3 when the block is for that one only, else 0

	unordered string         // "" no, "all", or "deep" or "pairs" as said
	lines     bool           // @lines
	filter    *regexp.Regexp // its regexp
	each      []string       // the words of @each, quoted as in the file; nil without one

	want  []reply // of RESP2, or of both
	want3 []reply // of RESP3 where it differs
	has3  bool
}

// reply is an expected reply (of effects, one line).
type reply struct {
	line int
	text []string
}

type stepKind int

const (
	do       stepKind = iota // send, await, record
	setup                    // send, await, must not be an error
	send                     // send, wait until it has been looked at
	post                     // send
	await                    // await a value that was not awaited
	let                      // @let
	sleep                    // @sleep
	blocked                  // @blocked
	newStart                 // @reset
	scan                     // @scan
)

type step struct {
	line    int
	kind    stepKind
	client  string
	command string // still quoted, for {} is put into the text
	name    string // of let
	pattern *regexp.Regexp
	pause   time.Duration
	count   int // of @blocked; of @scan, how many elements belong together
}

// replies tells whether the step has an expected reply.
func (s step) replies() bool { return s.kind == do || s.kind == await || s.kind == scan }

// Borders at which numbers are tested (STYLE, rule 12), by the names that @each knows.
var borders = map[string][]string{
	"$int": {"0", "1", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"-9223372036854775809", `""`, `" 1"`, `"1 "`, "+1", "01", "-0", "1.0", "1e3", "0x1", "abc",
		"18446744073709551615", "99999999999999999999999999999999999999999999"},
	"$float": {"0", "1", "-1", "-0", "1.5", ".5", "5.", "1e3", "1E3", "1e308", "1e309", "-1e309", "1e4932", "1e4933",
		"5e-324", "1e-400", "nan", "NaN", "-nan", "inf", "+inf", "-inf", "Infinity", `""`, `" 1"`, `"1 "`, "+1", "01",
		"0x1", "0x1p3", "1_0", "1,5", "abc", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
		"99999999999999999999999999999999999999999999", "0.1", "3.0", "1.10"},
}

var commandLine = regexp.MustCompile(`^([a-z][a-z0-9]*)(>>>|>>|>|<<)(?: (.*))?$`)

func parseFile(path string, effects bool) (*script, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, string(data), effects)
}

// parse reads a script. In one of effects every expected line stands for itself.
func parse(path, text string, effects bool) (*script, error) {
	s := &script{path: path}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		if lines[i] == "" {
			i++
			continue
		}
		b := &block{line: i + 1}
		for ; i < len(lines) && lines[i] != "" && !strings.HasPrefix(lines[i], "----"); i++ {
			if err := b.parseHead(i+1, lines[i]); err != nil {
				return nil, fmt.Errorf("%s:%d: %v", path, i+1, err)
			}
			b.head = append(b.head, lines[i])
		}
		for i < len(lines) && strings.HasPrefix(lines[i], "----") {
			var want []reply
			title := lines[i]
			for i++; i < len(lines) && lines[i] != "" && !strings.HasPrefix(lines[i], "----"); i++ {
				if !effects && strings.HasPrefix(lines[i], " ") && len(want) > 0 {
					last := &want[len(want)-1]
					last.text = append(last.text, lines[i])
					continue
				}
				want = append(want, reply{line: i + 1, text: []string{lines[i]}})
			}
			switch {
			case title == "----":
				b.want = want
			case title == "---- resp3" && !effects:
				b.want3, b.has3 = want, true
			default:
				return nil, fmt.Errorf("%s:%d: unknown section %q", path, i, title)
			}
		}
		if !b.has3 {
			b.want3 = b.want
		}
		if b.unordered != "" {
			for _, w := range slices.Concat(b.want, b.want3) {
				for _, l := range w.text {
					if l := strings.TrimSpace(l); l == "..." || strings.HasPrefix(l, "~ ") {
						return nil, fmt.Errorf("%s:%d: %q cannot be part of an @unordered reply", path, w.line, l)
					}
				}
			}
		}
		s.blocks = append(s.blocks, b)
	}
	return s, nil
}

func (b *block) parseHead(line int, text string) error {
	if strings.HasPrefix(text, "#") {
		return nil
	}
	if !strings.HasPrefix(text, "@") {
		st, err := parseStep(line, text)
		if err == nil {
			b.steps = append(b.steps, st)
		}
		return err
	}
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	st := step{line: line}
	var err error
	switch word {
	case "@resp2":
		b.proto = 2
	case "@resp3":
		b.proto = 3
	case "@unordered":
		b.unordered = rest
		if rest == "" {
			b.unordered = "all"
		} else if rest != "deep" && rest != "pairs" {
			return fmt.Errorf("@unordered %q", rest)
		}
	case "@lines":
		b.lines = true
		if rest != "" {
			b.filter, err = regexp.Compile(rest)
		}
	case "@each":
		var words []string
		words, err = eachWords(rest)
		b.each = append(b.each, words...)
	case "@sleep":
		st.kind = sleep
		st.pause, err = time.ParseDuration(rest)
		b.steps = append(b.steps, st)
	case "@blocked":
		st.kind = blocked
		_, err = fmt.Sscanf(rest, "%d", &st.count)
		b.steps = append(b.steps, st)
	case "@reset":
		st.kind = newStart
		b.steps = append(b.steps, st)
	case "@scan":
		count := 1
		if cmd, ok := strings.CutPrefix(rest, "pairs "); ok {
			count, rest = 2, cmd
		}
		if st, err = parseStep(line, rest); err != nil {
			return err
		}
		if st.kind != do || !strings.Contains(rest, "{cursor}") {
			return fmt.Errorf("@scan takes a plain command with {cursor} in it, not %q", rest)
		}
		st.kind, st.count = scan, count
		b.steps = append(b.steps, st)
	case "@let":
		name, cmd, _ := strings.Cut(rest, " ")
		cmd, pattern, found := strings.Cut(cmd, " ~ ")
		if st, err = parseStep(line, cmd); err != nil {
			return err
		}
		if st.kind != do {
			return fmt.Errorf("@let takes a plain command, not %q", cmd)
		}
		st.kind, st.name = let, name
		if found {
			st.pattern, err = regexp.Compile(pattern)
		}
		b.steps = append(b.steps, st)
	default:
		return fmt.Errorf("unknown directive %q", word)
	}
	return err
}

func parseStep(line int, text string) (step, error) {
	st := step{line: line, kind: do}
	if rest, ok := strings.CutPrefix(text, "! "); ok {
		st.kind, text = setup, rest
	}
	st.command = text
	if m := commandLine.FindStringSubmatch(text); m != nil {
		st.client, st.command = m[1], m[3]
		if st.kind == setup && m[2] != ">" {
			return st, fmt.Errorf("%q cannot be setup", text)
		}
		switch m[2] {
		case ">>":
			st.kind = send
		case ">>>":
			st.kind = post
		case "<<":
			st.kind = await
			if st.command != "" {
				return st, fmt.Errorf("words after << in %q", text)
			}
			return st, nil
		}
	}
	words, err := splitWords(st.command)
	if err == nil && len(words) == 0 {
		err = fmt.Errorf("no command in %q", text)
	}
	return st, err
}

// eachWords splits what follows @each, leaving quotes where they are, since the words are put into text.
func eachWords(text string) ([]string, error) {
	var words []string
	if list, more := strings.CutSuffix(text, " |"); more || strings.Contains(text, " | ") {
		for w := range strings.SplitSeq(list, " | ") {
			words = append(words, strings.TrimSpace(w))
		}
		return words, nil
	}
	for text != "" {
		end := 0
		for quote := byte(0); end < len(text) && (quote != 0 || text[end] != ' '); end++ {
			switch c := text[end]; {
			case c == '\\' && quote != 0:
				end++
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case c == quote:
				quote = 0
			}
		}
		w := text[:min(end, len(text))]
		text = strings.TrimLeft(text[len(w):], " ")
		if named, ok := borders[w]; ok {
			words = append(words, named...)
			continue
		}
		if strings.HasPrefix(w, "$") {
			return nil, fmt.Errorf("@each knows no %s", w)
		}
		words = append(words, w)
	}
	return words, nil
}

// splitWords splits a line as redis-cli does.
func splitWords(line string) ([]string, error) {
	var words []string
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return words, nil
		}
		var w []byte
		for i < len(line) && !isSpace(line[i]) {
			quote := line[i]
			if quote != '"' && quote != '\'' {
				w = append(w, quote)
				i++
				continue
			}
			i++
			for i < len(line) && line[i] != quote {
				c := line[i]
				switch {
				case c == '\\' && quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
					i++
					c = '\''
				case c == '\\' && quote == '"' && i+3 < len(line) && line[i+1] == 'x' && hex(line[i+2]) >= 0 && hex(line[i+3]) >= 0:
					c = byte(hex(line[i+2])<<4 | hex(line[i+3]))
					i += 3
				case c == '\\' && quote == '"' && i+1 < len(line):
					i++
					c = line[i]
					if j := strings.IndexByte("nrtba", c); j >= 0 {
						c = "\n\r\t\b\a"[j]
					}
				}
				w = append(w, c)
				i++
			}
			if i == len(line) {
				return nil, fmt.Errorf("unbalanced quotes in %q", line)
			}
			i++
			if i < len(line) && !isSpace(line[i]) {
				return nil, fmt.Errorf("a closing quote must end its word in %q", line)
			}
		}
		words = append(words, string(w))
	}
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// format is the file's text with its present expectations, the inverse of parse.
func (s *script) format() string {
	var sb strings.Builder
	for i, b := range s.blocks {
		if i > 0 {
			sb.WriteByte('\n')
		}
		put := func(lines []string) {
			for _, l := range lines {
				sb.WriteString(l)
				sb.WriteByte('\n')
			}
		}
		put(b.head)
		if len(b.want) > 0 {
			sb.WriteString("----\n")
			for _, w := range b.want {
				put(w.text)
			}
		}
		if b.has3 {
			sb.WriteString("---- resp3\n")
			for _, w := range b.want3 {
				put(w.text)
			}
		}
	}
	return sb.String()
}

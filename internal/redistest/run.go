package redistest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The flag is declared here, so that every package whose tests run scripts has it.
var rewrite = flag.Bool("rewrite", false, "redistest: write the real server's replies into the scripts")

// A Target is what scripts run against.
type Target interface {
	// NewClient makes a client that speaks the protocol, 2 or 3, already.
	NewClient(t testing.TB, proto int) Client
}

// Resetter is a Target that can be made empty and put in its default configuration. One that is not is sent FLUSHALL
// before every script, and cannot run scripts that say @reset.
type Resetter interface{ Reset(t testing.TB) }

// Protocols is a Target that speaks not both protocols, or not always: Run asks it which.
type Protocols interface{ Protocols() []int }

// RunAll runs each script of a directory, but for those of effects, in a subtest named for the file.
func RunAll(t *testing.T, dir string, target Target) {
	t.Helper()
	runEach(t, dir, false, func(t *testing.T, path string) { Run(t, path, target) })
}

func runEach(t *testing.T, dir string, effects bool, run func(*testing.T, string)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		if strings.HasPrefix(name, "effects_") != effects {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) { run(t, path) })
	}
	if n == 0 {
		t.Fatalf("no scripts in %s", dir)
	}
}

// Run runs a script in each protocol, and reports every reply that differs. With -rewrite, and only against a Server,
// it writes the replies into the script instead.
func Run(t *testing.T, path string, target Target) {
	t.Helper()
	s, err := parseFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	_, real := target.(*Server)
	if *rewrite && real {
		r2, r3 := newRunner(t, s, target, 2), newRunner(t, s, target, 3)
		s.accept(r2.run(), r3.run())
		if err := os.WriteFile(path, []byte(s.format()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	protos := []int{2, 3}
	if p, ok := target.(Protocols); ok {
		protos = p.Protocols()
	}
	for _, proto := range protos {
		t.Run(fmt.Sprintf("resp%d", proto), func(t *testing.T) {
			newRunner(t, s, target, proto).check()
		})
	}
}

// An outcome is a reply that came, and where it was asked for.
type outcome struct {
	line    int
	command string
	text    []string
	vars    map[string]string // as they were then
}

// outcomes of one block; nil when the block is not for this protocol.
type outcomes []outcome

type runner struct {
	t       testing.TB
	s       *script
	target  Target
	proto   int
	clients map[string]AsyncClient
	vars    map[string]string // what @let has set; replaced, never changed, for outcomes refer to it
	control Client            // looks at blocked_clients
}

func newRunner(t testing.TB, s *script, target Target, proto int) *runner {
	return &runner{t: t, s: s, target: target, proto: proto, clients: map[string]AsyncClient{}, vars: map[string]string{}}
}

// check runs the script and reports what differs.
func (r *runner) check() {
	r.t.Helper()
	for i, out := range r.run() {
		if out == nil {
			continue
		}
		b := r.s.blocks[i]
		want := b.want
		if r.proto == 3 {
			want = b.want3
		}
		if len(want) == 0 && len(*out) > 0 {
			r.t.Errorf("%s:%d: RESP%d: the block has no replies yet; run with -rewrite", r.s.path, b.line, r.proto)
			continue
		}
		for j := range max(len(want), len(*out)) {
			switch {
			case j >= len(want):
				o := (*out)[j]
				r.t.Errorf("%s:%d: RESP%d: %s\nwant no reply (the script has too few)\n got %s", r.s.path, o.line, r.proto,
					o.command, strings.Join(o.text, "\n     "))
			case j >= len(*out):
				r.t.Errorf("%s:%d: RESP%d\nwant %s\n got no reply (the script has too many)", r.s.path, want[j].line, r.proto,
					strings.Join(want[j].text, "\n     "))
			default:
				o := (*out)[j]
				if w := expand(o.vars, want[j].text); !b.matches(w, o.text) {
					r.t.Errorf("%s:%d: RESP%d: %s\nwant %s\n got %s", r.s.path, want[j].line, r.proto, o.command,
						strings.Join(w, "\n     "), strings.Join(o.text, "\n     "))
				}
			}
		}
	}
}

func (b *block) matches(want, got []string) bool {
	if b.unordered != "" {
		return matchLines(sortLines(want, b.unordered), sortLines(got, b.unordered))
	}
	if b.each != nil {
		// The word in braces stands before the line, regular expression or not.
		w, wrest, _ := cutLabel(want[0])
		g, grest, _ := cutLabel(got[0])
		if w != g {
			return false
		}
		want = append([]string{wrest}, want[1:]...)
		got = append([]string{grest}, got[1:]...)
	}
	return matchLines(want, got)
}

var label = regexp.MustCompile(`^\{.*?\} `)

func cutLabel(line string) (lab, rest string, ok bool) {
	lab = label.FindString(line)
	return lab, line[len(lab):], lab != ""
}

// accept makes what was observed the script's expectation, where it does not match already.
func (s *script) accept(got2, got3 []*outcomes) {
	for i, b := range s.blocks {
		merge := func(want []reply, out *outcomes) []reply {
			if out == nil {
				return nil
			}
			var merged []reply
			for j, o := range *out {
				if j < len(want) && len(want) == len(*out) && b.matches(expand(o.vars, want[j].text), o.text) {
					merged = append(merged, want[j])
					continue
				}
				text := o.text
				if b.unordered != "" {
					text = sortLines(text, b.unordered)
				}
				merged = append(merged, reply{text: text})
			}
			return merged
		}
		if got2[i] == nil || got3[i] == nil {
			one := got2[i]
			if one == nil {
				one = got3[i]
			}
			b.want, b.want3, b.has3 = merge(b.want, one), nil, false
			continue
		}
		want3 := b.want3
		b.want = merge(b.want, got2[i])
		if !b.has3 {
			want3 = b.want
		}
		b.want3 = merge(want3, got3[i])
		b.has3 = fmt.Sprint(texts(b.want)) != fmt.Sprint(texts(b.want3))
	}
}

func texts(rs []reply) [][]string {
	var out [][]string
	for _, r := range rs {
		out = append(out, r.text)
	}
	return out
}

// run executes the script and answers what came, block by block.
func (r *runner) run() []*outcomes {
	r.t.Helper()
	defer r.closeAll()
	r.reset()
	all := make([]*outcomes, len(r.s.blocks))
	for i, b := range r.s.blocks {
		if b.proto != 0 && b.proto != r.proto {
			continue
		}
		out := outcomes{}
		rounds := b.each
		if rounds == nil {
			rounds = []string{""}
		}
		for _, word := range rounds {
			first := len(out)
			for _, st := range b.steps {
				command := st.command
				if b.each != nil {
					command = strings.ReplaceAll(command, "{}", word)
				}
				v, ok := r.step(st, command)
				if !ok {
					continue
				}
				text := b.render(v)
				if st.client != "" {
					command = st.client + "> " + command
				}
				out = append(out, outcome{line: st.line, command: command, text: text, vars: r.vars})
			}
			if b.each != nil && first < len(out) {
				out[first].text[0] = "{" + word + "} " + out[first].text[0]
			}
		}
		all[i] = &out
	}
	return all
}

// step executes a step; ok tells whether it has a reply to compare.
func (r *runner) step(st step, command string) (v Value, ok bool) {
	r.t.Helper()
	fail := func(format string, args ...any) {
		r.t.Helper()
		r.t.Fatalf("%s:%d: %s", r.s.path, st.line, fmt.Sprintf(format, args...))
	}
	var words []string
	if command != "" && st.kind != scan {
		var err error
		if words, err = splitWords(expand(r.vars, []string{command})[0]); err != nil {
			fail("%v", err)
		}
	}
	switch st.kind {
	case sleep:
		time.Sleep(st.pause)
	case blocked:
		if !r.waitBlocked(replyTimeout, func(n int) bool { return n == st.count }) {
			fail("there are not %d clients blocked", st.count)
		}
	case newStart:
		r.closeAll()
		if _, ok := r.target.(Resetter); !ok {
			fail("@reset: the target cannot")
		}
		r.reset()
	case do:
		return r.result(st.client, r.client(st.client).Do(words...)), true
	case setup:
		if v := r.result(st.client, r.client(st.client).Do(words...)); v.IsError() || v.Kind == Closed || v.Kind == Timeout {
			fail("setup: %s\n got %s", command, v)
		}
	case let:
		v := r.client(st.client).Do(words...)
		text := v.Str
		if v.Kind == Integer {
			text = strconv.FormatInt(v.Int, 10)
		}
		if st.pattern != nil {
			m := st.pattern.FindStringSubmatch(text)
			if len(m) < 2 {
				fail("@let: no %s in %s", st.pattern, v)
			}
			text = m[1]
		}
		r.vars = maps.Clone(r.vars)
		r.vars["{"+st.name+"}"] = text
	case scan:
		return r.scanAll(st, command), true
	case post:
		r.client(st.client).Send(words...)
	case send:
		before := r.blockedClients()
		c := r.client(st.client)
		c.Send(words...)
		p, _ := c.(interface{ Pending() bool })
		// What neither blocks nor answers (CLIENT REPLY OFF, a paused client) is given a quarter of a second.
		r.waitBlocked(250*time.Millisecond, func(n int) bool { return n > before || p != nil && p.Pending() })
	case await:
		return r.result(st.client, r.client(st.client).Receive(replyTimeout)), true
	}
	return Value{}, false
}

// maxSteps ends an iteration that does not.
const maxSteps = 10000

// scanAll iterates from cursor 0 until it comes again, and answers everything seen, once each and sorted: which step
// shows what, and how often, is the server's own affair.
func (r *runner) scanAll(st step, command string) Value {
	seen := map[string]bool{}
	cursor := "0"
	for range maxSteps {
		words, err := splitWords(expand(r.vars, []string{strings.ReplaceAll(command, "{cursor}", cursor)})[0])
		if err != nil {
			r.t.Fatalf("%s:%d: %v", r.s.path, st.line, err)
		}
		v := r.client(st.client).Do(words...)
		if v.Kind != Array || len(v.Elems) != 2 || len(v.Elems[1].Elems)%st.count != 0 {
			return v
		}
		for e := range slices.Chunk(v.Elems[1].Elems, st.count) {
			var parts []string
			for _, p := range e {
				parts = append(parts, p.Lines()...)
			}
			seen[strings.Join(parts, " ")] = true
		}
		if cursor = v.Elems[0].Str; cursor == "0" {
			all := Value{Kind: Array}
			for _, e := range slices.Sorted(maps.Keys(seen)) {
				all.Elems = append(all.Elems, Value{Kind: Simple, Str: e})
			}
			return all
		}
	}
	return Value{Kind: Error, Str: fmt.Sprintf("SCAN did not end in %d steps", maxSteps)}
}

// result forgets a client whose connection ended.
func (r *runner) result(name string, v Value) Value {
	if v.Kind == Closed {
		r.clients[name].Close()
		delete(r.clients, name)
	}
	return v
}

func (r *runner) client(name string) AsyncClient {
	if c, ok := r.clients[name]; ok {
		return c
	}
	c := r.target.NewClient(r.t, r.proto)
	a, ok := c.(AsyncClient)
	if !ok {
		a = newAsyncDo(c)
	}
	r.clients[name] = a
	return a
}

func (r *runner) closeAll() {
	for name, c := range r.clients {
		c.Close()
		delete(r.clients, name)
	}
	if r.control != nil {
		r.control.Close()
		r.control = nil
	}
}

func (r *runner) reset() {
	r.t.Helper()
	if t, ok := r.target.(Resetter); ok {
		t.Reset(r.t)
		return
	}
	c := r.target.NewClient(r.t, r.proto)
	defer c.Close()
	if v := c.Do("FLUSHALL"); v.IsError() {
		r.t.Fatalf("FLUSHALL = %s", v)
	}
}

func (r *runner) blockedClients() int {
	if r.control == nil {
		r.control = r.target.NewClient(r.t, r.proto)
	}
	n, _ := strconv.Atoi(infoField(r.control, "clients", "blocked_clients"))
	return n
}

func (r *runner) waitBlocked(limit time.Duration, enough func(int) bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		if enough(r.blockedClients()) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

func expand(vars map[string]string, lines []string) []string {
	out := slices.Clone(lines)
	for name, value := range vars {
		for i := range out {
			out[i] = strings.ReplaceAll(out[i], name, value)
		}
	}
	return out
}

// render is the reply's text, as the block wants to see it.
func (b *block) render(v Value) []string {
	if !b.lines || v.Kind != Bulk && v.Kind != Verbatim {
		return v.Lines()
	}
	text := v.Str
	if v.Kind == Verbatim {
		_, text, _ = strings.Cut(text, ":")
	}
	var lines []string
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\r\n")
		if b.filter == nil || b.filter.MatchString(l) {
			lines = append(lines, "  "+plain(l))
		}
	}
	return append([]string{fmt.Sprintf("(lines %d)", len(lines))}, lines...)
}

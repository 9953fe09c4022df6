package redistest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// recorder is a testing.TB that keeps what is reported instead of failing.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// Fatalf stops the script by a panic, which runFake stops in turn.
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// fake is a target whose clients answer by a function, in order of the commands sent on any of them.
type fake struct {
	answer func(words []string) Value
	resets int
}

func (f *fake) NewClient(testing.TB, int) Client { return fakeClient{f} }
func (f *fake) Reset(testing.TB)                 { f.resets++ }

type fakeClient struct{ f *fake }

func (c fakeClient) Do(words ...string) Value { return c.f.answer(words) }
func (c fakeClient) Close()                   {}

// echo answers a command's words in ways that its first word chooses.
func echo(words []string) Value {
	switch rest := words[1:]; words[0] {
	case "INFO":
		return Value{Kind: Bulk, Str: "# Clients\r\nblocked_clients:0\r\n"}
	case "ERR":
		return Value{Kind: Error, Str: "ERR " + strings.Join(rest, " ")}
	case "INT":
		var n int64
		_, _ = fmt.Sscan(rest[0], &n)
		return Value{Kind: Integer, Int: n}
	case "LIST":
		v := Value{Kind: Array}
		for _, w := range rest {
			v.Elems = append(v.Elems, Value{Kind: Bulk, Str: w})
		}
		return v
	case "LISTS":
		return Value{Kind: Array, Elems: []Value{echo(append([]string{"LIST"}, rest...)), echo([]string{"LIST", "x", "w"})}}
	case "SCAN":
		if rest[0] == "0" {
			return Value{Kind: Array, Elems: []Value{{Kind: Bulk, Str: "7"}, echo([]string{"LIST", "b", "a"})}}
		}
		return Value{Kind: Array, Elems: []Value{{Kind: Bulk, Str: "0"}, echo([]string{"LIST", "c", "a"})}}
	case "CLOSE":
		return Value{Kind: Closed}
	}
	return Value{Kind: Simple, Str: strings.Join(words, " ")}
}

func runFake(t *testing.T, text string, f *fake, proto int) (errors []string) {
	t.Helper()
	s, err := parse("fake.txt", text, false)
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != any(rec) {
			panic(p)
		}
		errors = rec.errors
	}()
	newRunner(rec, s, f, proto).check()
	return rec.errors
}

// TestTruth: scripts that tell the truth pass.
func TestTruth(t *testing.T) {
	for _, text := range []string{
		"PING\nERR x\nLIST\n----\nPING\n(error) ERR x\n(array 0)\n",
		"LIST a b\n----\n(array 2)\n  \"a\"\n  \"b\"\n",
		"LIST a b c\n----\n(array 3)\n  ...\n  \"c\"\n",
		"LIST a b c\n----\n(array 3)\n  \"a\"\n  ...\n",
		"LIST a b c\nPING\n----\n...\nPING\n",
		"INT 15\n----\n~ ^\\(integer\\) 1[0-9]$\n",
		"LIST a7\n----\n(array 1)\n  ~ ^\"a[0-9]\"$\n",
		"@unordered\nLIST a c b\n----\n(array 3)\n  \"c\"\n  \"b\"\n  \"a\"\n",
		"@unordered deep\nLISTS b a\n----\n(array 2)\n  (array 2)\n    \"w\"\n    \"x\"\n  (array 2)\n    \"a\"\n    \"b\"\n",
		"@unordered pairs\nLIST b 1 a 2\n----\n(array 4)\n  \"a\"\n  \"2\"\n  \"b\"\n  \"1\"\n",
		"@each 1 2 \"x y\"\nECHO {}\nLIST {}\n----\n{1} ECHO 1\n(array 1)\n  \"1\"\n{2} ~ ^ECHO \\d$\n(array 1)\n  \"2\"\n" +
			"{\"x y\"} ECHO x y\n(array 1)\n  \"x y\"\n",
		"! PING\n! c1> PING\nc1> ECHO a\n----\nECHO a\n",
		"c1>> ECHO a\nc1>>> ECHO b\nc2> ECHO c\nc1<<\nc1<<\n----\nECHO c\nECHO a\nECHO b\n",
		"@let x INT 42\nECHO {x}\n----\nECHO {x}\n\n@let x INT 43\nECHO {x}\n----\nECHO 43\n",
		"@let x ECHO a=5 b ~ a=(\\d)\nECHO {x}\n----\nECHO 5\n",
		"@lines ^b\nINFO\n----\n(lines 1)\n  blocked_clients:0\n",
		"@scan SCAN {cursor}\n----\n(array 3)\n  \"a\"\n  \"b\"\n  \"c\"\n",
		"CLOSE\nPING\n----\n(closed)\nPING\n",
		"@resp3\nPING\n----\nPONG, says RESP3, and is not asked\n",
		"PING\n----\nPING\n---- resp3\nPONG\n",
		"@sleep 1ms\n@blocked 0\n@reset\nPING\n----\nPING\n",
	} {
		f := &fake{answer: echo}
		if errs := runFake(t, text, f, 2); errs != nil {
			t.Errorf("%s\nwas reported: %s", text, strings.Join(errs, "\n"))
		}
		if f.resets == 0 {
			t.Errorf("%s\nran without a reset", text)
		}
	}
}

// TestLies: each of these is one wrong reply, and is reported with its place, what was wanted and what came. The other
// replies are still compared.
func TestLies(t *testing.T) {
	for _, c := range []struct {
		text  string
		lines []int
	}{
		{"PING\n----\nPONG\n", []int{3}},
		{"PING\nPING\nPING\n----\nPONG\nPING\nPONG\n", []int{5, 7}},
		{"PING\n----\n\"PING\"\n", []int{3}},
		{"ERR x\n----\n(error) ERR y\n", []int{3}},
		{"INT 20\n----\n~ ^\\(integer\\) 1[0-9]$\n", []int{3}},
		{"INT 20\n----\n~ (\n", []int{3}},
		{"LIST a b\n----\n(array 2)\n  \"a\"\n", []int{3}},
		{"LIST a b\n----\n(array 2)\n  \"b\"\n  \"a\"\n", []int{3}},
		{"LIST a b\n----\n(array 2)\n  ...\n  \"a\"\n", []int{3}},
		{"LISTS a\n----\n(array 2)\n  (array 1)\n  ~ \"a\"\n...\n", []int{3, 6}},
		{"@unordered\nLIST a b\n----\n(array 2)\n  \"b\"\n  \"b\"\n", []int{4}},
		{"@unordered\nLISTS b a\n----\n(array 2)\n  (array 2)\n    \"w\"\n    \"x\"\n  (array 2)\n    \"a\"\n    \"b\"\n", []int{4}},
		{"@unordered pairs\nLIST b 1 a 2\n----\n(array 4)\n  \"a\"\n  \"1\"\n  \"b\"\n  \"2\"\n", []int{4}},
		{"@each 1 2\nECHO {}\n----\n{1} ECHO 1\n{2} ECHO 1\n", []int{5}},
		{"@each 1 2\nECHO x\n----\n{1} ECHO x\n{1} ECHO x\n", []int{5}},
		{"PING\nPING\n----\nPING\n", []int{2}},
		{"PING\n----\nPING\nPING\n", []int{4}},
		{"PING\n", []int{1}},
		{"! ERR x\nPING\n----\nPING\n", []int{1}},
		{"@let x PING ~ a(b)\nPING\n----\nPING\n", []int{1}},
		{"@let x INT 42\nECHO {x}\n----\nECHO 43\n", []int{4}},
		{"@resp2\nPING\n----\nPONG\n", []int{4}},
		{"c1>> ECHO a\nc1<<\n----\nECHO b\n", []int{4}},
		{"CLOSE\n----\nOK\n", []int{3}},
	} {
		errs := runFake(t, c.text, &fake{answer: echo}, 2)
		if len(errs) != len(c.lines) {
			t.Errorf("%s\nreported %d times, want %d:\n%s", c.text, len(errs), len(c.lines), strings.Join(errs, "\n"))
			continue
		}
		for i, line := range c.lines {
			if place := fmt.Sprintf("fake.txt:%d: ", line); !strings.HasPrefix(errs[i], place) {
				t.Errorf("%s\nreported as %q, want it to begin with %q", c.text, errs[i], place)
			}
		}
	}
	errs := runFake(t, "c1> PING\n----\nPONG\n", &fake{answer: echo}, 2)
	if want := "fake.txt:3: RESP2: c1> PING\nwant PONG\n got PING"; len(errs) != 1 || errs[0] != want {
		t.Errorf("reported %q, want %q", errs, want)
	}
	if errs := runFake(t, "PING\n----\nPING\n---- resp3\nPONG\n", &fake{answer: echo}, 3); len(errs) != 1 {
		t.Errorf("a lie in RESP3 was reported %d times", len(errs))
	}
}

// TestAccept: what a script expected stays if it still matches, the rest is replaced; what is written is read back.
func TestAccept(t *testing.T) {
	s, err := parse("fake.txt", "# comment\nINT 15\nPING\n----\n~ 1\\d\nold\n\n@let x INT 4\nECHO {x}\n----\nECHO {x}\n\n"+
		"NEW\nPING\n\n@resp3\nPING\n\n@unordered\nLIST b a\n\n@each 1\nECHO {}\n", false)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(proto int) func([]string) Value {
		return func(words []string) Value {
			if words[0] == "NEW" {
				return Value{Kind: Integer, Int: int64(proto)}
			}
			return echo(words)
		}
	}
	s.accept(newRunner(t, s, &fake{answer: answer(2)}, 2).run(), newRunner(t, s, &fake{answer: answer(3)}, 3).run())
	want := "# comment\nINT 15\nPING\n----\n~ 1\\d\nPING\n\n@let x INT 4\nECHO {x}\n----\nECHO {x}\n\n" +
		"NEW\nPING\n----\n(integer) 2\nPING\n---- resp3\n(integer) 3\nPING\n\n@resp3\nPING\n----\nPING\n\n" +
		"@unordered\nLIST b a\n----\n(array 2)\n  \"a\"\n  \"b\"\n\n@each 1\nECHO {}\n----\n{1} ECHO 1\n"
	if got := s.format(); got != want {
		t.Errorf("accepted\n%s\nwant\n%s", got, want)
	}
	for proto := 2; proto <= 3; proto++ {
		if errs := runFake(t, s.format(), &fake{answer: answer(proto)}, proto); errs != nil {
			t.Errorf("RESP%d: what was accepted is reported: %s", proto, errs)
		}
	}
}

// fakeEffects says that every SET is sent on as it is, with a point in time if it has a time, and gives an event.
type fakeEffects struct {
	fake
	effects [][]string
	events  []Event
}

func (f *fakeEffects) Listen(testing.TB) Listener { return f }
func (f *fakeEffects) Close()                     {}

func (f *fakeEffects) Effects() [][]string {
	out := f.effects
	f.effects = nil
	return out
}

func (f *fakeEffects) Events() []Event {
	out := f.events
	f.events = nil
	return out
}

func TestEffects(t *testing.T) {
	for _, c := range []struct {
		text string
		lies bool
	}{
		{"SET k v\n----\nSET k v\n@events\nset:k\n", false},
		{"SET k v\n----\n~ ^SET k .$\n@events\nset:k\n", false},
		{"SET k v\n----\nSET k w\n@events\nset:k\n", true},
		{"SET k v\n----\nSET k v\n", true},
		{"SET k v\n----\nSET k v\n@events\ndel:k\n", true},
		{"SET k v\n", true},
		{"PING\n----\n(none)\n", false},
		{"PING\n----\nPING\n", true},
		{"! SET k v\nPING\n----\n(none)\n", false},
		{"ERR x\nSET k \"a b\"\n----\n(error) ERR x\nSET k \"a b\"\n@events\nset:k\n", false},
		{"SETEX k 100\n----\nSET k PXAT <now+100s>\n@events\nset:k db=1\n", false},
		{"SETEX k 100\n----\nSET k PXAT <now+101s>\n@events\nset:k db=1\n", true},
		{"SETEX k -5\n----\nSET k PXAT <now-5s>\n@events\nset:k db=1\n", false},
		{"@each 1 2\nSET k {}\n----\n{1}\nSET k 1\n@events\nset:k\n{2}\nSET k 2\n@events\nset:k\n", false},
		{"@each 1 2\nSET k {}\n----\n{1}\nSET k 1\n@events\nset:k\n", true},
	} {
		f := &fakeEffects{}
		f.answer = func(words []string) Value {
			switch words[0] {
			case "SET":
				f.effects = append(f.effects, words)
				f.events = append(f.events, Event{Name: "set", Key: words[1]})
			case "SETEX":
				var seconds time.Duration
				_, _ = fmt.Sscan(words[2], &seconds)
				at := time.Now().Add(seconds * time.Second).UnixMilli()
				f.effects = append(f.effects, []string{"SET", words[1], "PXAT", fmt.Sprint(at)})
				f.events = append(f.events, Event{DB: 1, Name: "set", Key: words[1]})
			}
			return echo(words)
		}
		s, err := parse("effects_fake.txt", c.text, true)
		if err != nil {
			t.Fatal(err)
		}
		rec := &recorder{TB: t}
		checkEffects(rec, s, runEffects(newRunner(rec, s, f, 2)))
		if lied := len(rec.errors) > 0; lied != c.lies {
			t.Errorf("%s\nreported %q, want reports: %t", c.text, rec.errors, c.lies)
		}
	}
}

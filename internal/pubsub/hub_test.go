package pubsub

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder/internal/glob"
)

// An inbox keeps what it is told.
type inbox struct {
	mu  sync.Mutex
	got []string
}

func (in *inbox) Receive(m *Message) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.got = append(in.got, show(m))
}

func (in *inbox) take() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	got := in.got
	in.got = nil
	slices.Sort(got)
	return got
}

func show(m *Message) string {
	return fmt.Sprint(kindNames[m.Kind], " ", m.Pattern, " ", m.Channel, " ", m.Payload)
}

var (
	channels = []string{"a", "b", "ab", "abc", "news.1", "news.2", ""}
	patterns = []string{"*", "a*", "news.?", "[ab]", "ab", "", "a*c"}
)

// model is what a hub should know, kept in the plainest way.
type model [kinds]map[string]map[int]bool

// check compares what a hub holds with the model, and with itself.
func check(t *testing.T, h *Hub, subs []*Subscriber, want *model) {
	t.Helper()
	total := 0
	for k := range kinds {
		var names []string
		for name, who := range want[k] {
			if len(who) == 0 {
				continue
			}
			names = append(names, name)
			total += len(who)
			if n := h.Count(k, name); n != len(who) {
				t.Fatalf("Count(%d, %q) = %d, want %d", k, name, n, len(who))
			}
		}
		slices.Sort(names)
		got := h.Channels(k, "*")
		if h.Count(k, "") != 0 { // which "*" does not fit
			got = append(got, h.Channels(k, "")...)
		}
		slices.Sort(got)
		if !slices.Equal(got, names) || h.Topics(k) != len(names) {
			t.Fatalf("Channels(%d) = %q, want %q; Topics = %d", k, got, names, h.Topics(k))
		}
		for i, s := range subs {
			var mine []string
			for name, who := range want[k] {
				if who[i] {
					mine = append(mine, name)
				}
			}
			slices.Sort(mine)
			got := s.Names(k)
			slices.Sort(got)
			if !slices.Equal(got, mine) || s.Count(k) != len(mine) {
				t.Fatalf("Names(%d) of %d = %q, want %q; Count = %d", k, i, got, mine, s.Count(k))
			}
		}
		for name, tp := range h.topics[k] {
			if tp.name != name || len(tp.subs) == 0 {
				t.Fatalf("topic %q is %q of %d", name, tp.name, len(tp.subs))
			}
			for i, s := range tp.subs {
				if at, ok := s.places[k][name]; !ok || at != i {
					t.Fatalf("topic %q: a subscriber at %d believes to be at %d", name, i, at)
				}
			}
		}
	}
	if len(h.list) != len(h.topics[Pattern]) {
		t.Fatalf("%d patterns listed of %d", len(h.list), len(h.topics[Pattern]))
	}
	for i, tp := range h.list {
		if tp.at != i || h.topics[Pattern][tp.name] != tp {
			t.Fatalf("pattern %q is at %d, not %d", tp.name, i, tp.at)
		}
	}
	if n := h.subscriptions.Load(); n != int64(total) {
		t.Fatalf("%d subscriptions, want %d", n, total)
	}
}

// A hub against maps of maps, with all that can be done to it.
func TestAgainstModel(t *testing.T) {
	const people = 8
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := new(Hub)
		var want model
		for k := range want {
			want[k] = map[string]map[int]bool{}
		}
		inboxes, subs := make([]*inbox, people), make([]*Subscriber, people)
		for i := range subs {
			inboxes[i] = new(inbox)
			subs[i] = h.NewSubscriber(inboxes[i])
		}
		name := func(k Kind) string {
			if k == Pattern {
				return patterns[r.IntN(len(patterns))]
			}
			return channels[r.IntN(len(channels))]
		}
		for range 600 {
			i, k := r.IntN(people), Kind(r.IntN(int(kinds)))
			n := name(k)
			told := 0
			switch r.IntN(10) {
			case 0, 1, 2, 3:
				if !subs[i].Subscribe(k, n, func() { told++ }) || told != 1 {
					t.Fatalf("Subscribe told %d times", told)
				}
				if want[k][n] == nil {
					want[k][n] = map[int]bool{}
				}
				want[k][n][i] = true
			case 4, 5, 6:
				if subs[i].Unsubscribe(k, n, func() { told++ }); told != 1 {
					t.Fatalf("Unsubscribe told %d times", told)
				}
				delete(want[k][n], i)
			case 7:
				if r.IntN(4) != 0 {
					break
				}
				subs[i].Close()
				if subs[i].Subscribe(k, n, func() { told++ }) || told != 0 {
					t.Fatal("a closed subscriber subscribed")
				}
				for k := range want {
					for _, who := range want[k] {
						delete(who, i)
					}
				}
				subs[i] = h.NewSubscriber(inboxes[i])
			default:
				publish(t, r, h, inboxes, &want)
			}
			check(t, h, subs, &want)
		}
	}
}

// publish publishes, and compares who hears of it.
func publish(t *testing.T, r *rand.Rand, h *Hub, inboxes []*inbox, want *model) {
	t.Helper()
	channel, payload, shard := channels[r.IntN(len(channels))], fmt.Sprint(r.IntN(100)), r.IntN(3) == 0
	expect, total := make([][]string, len(inboxes)), 0
	if shard {
		for i := range want[Shard][channel] {
			expect[i] = append(expect[i], "smessage  "+channel+" "+payload)
			total++
		}
	} else {
		for i := range want[Channel][channel] {
			expect[i] = append(expect[i], "message  "+channel+" "+payload)
			total++
		}
		for p, who := range want[Pattern] {
			if !glob.Match(p, channel) {
				continue
			}
			for i := range who {
				expect[i] = append(expect[i], "pmessage "+p+" "+channel+" "+payload)
				total++
			}
		}
	}
	would, n := h.Receivers(shard, channel), 0
	if shard {
		n = h.PublishShard(channel, payload)
	} else {
		n = h.Publish(channel, payload)
	}
	if n != total || would != total {
		t.Fatalf("Publish(%q) = %d, Receivers %d, want %d", channel, n, would, total)
	}
	for i, in := range inboxes {
		slices.Sort(expect[i])
		if got := in.take(); !slices.Equal(got, expect[i]) {
			t.Fatalf("%d was told %q, want %q", i, got, expect[i])
		}
	}
}

func TestFrames(t *testing.T) {
	for _, tt := range []struct {
		m     Message
		proto int
		want  string
	}{
		{Message{Kind: Channel, Channel: "c", Payload: "p\r\n"}, 2, "*3 $7 message $1 c $3 p\r\n "},
		{Message{Kind: Channel, Channel: "c", Payload: ""}, 3, ">3 $7 message $1 c $0  "},
		{Message{Kind: Pattern, Pattern: "*", Channel: "c", Payload: "p"}, 2, "*4 $8 pmessage $1 * $1 c $1 p "},
		{Message{Kind: Pattern, Pattern: "*", Channel: "c", Payload: "p"}, 3, ">4 $8 pmessage $1 * $1 c $1 p "},
		{Message{Kind: Shard, Channel: "c", Payload: "p"}, 3, ">3 $8 smessage $1 c $1 p "},
	} {
		want := strings.ReplaceAll(strings.ReplaceAll(tt.want, "\r\n", "|"), " ", "\r\n")
		want = strings.ReplaceAll(want, "|", "\r\n")
		if got := string(tt.m.Frame(tt.proto)); got != want {
			t.Errorf("Frame(%d) = %q, want %q", tt.proto, got, want)
		}
		if a, b := tt.m.Frame(tt.proto), tt.m.Frame(tt.proto); &a[0] != &b[0] {
			t.Error("the frame was made twice")
		}
	}
}

// sink takes messages and does nothing with them but look at the frame.
type sink struct{ bytes int }

func (s *sink) Receive(m *Message) { s.bytes += len(m.Frame(2)) }

// However many subscribe, a message is made once.
func TestPublishAllocations(t *testing.T) {
	h := new(Hub)
	for range 10_000 {
		h.NewSubscriber(new(sink)).Subscribe(Channel, "c", func() {})
	}
	if n := testing.AllocsPerRun(20, func() { h.Publish("c", "payload") }); n > 4 {
		t.Errorf("%v allocations to publish to 10,000 subscribers", n)
	}
}

// One order of all messages, for everybody, whoever publishes; nothing before one
// is told that it subscribes, nothing after it was told that it does not.
func TestOrder(t *testing.T) {
	h := new(Hub)
	seen := make([]*inbox, 4)
	for i := range seen {
		seen[i] = new(inbox)
		s := h.NewSubscriber(seen[i])
		s.Subscribe(Channel, "a", func() {})
		s.Subscribe(Channel, "b", func() {})
	}
	var publishers, comers sync.WaitGroup
	for p := range 4 {
		publishers.Go(func() {
			for i := range 500 {
				h.Publish([]string{"a", "b"}[i%2], fmt.Sprint(p, ".", i))
			}
		})
	}
	done := make(chan struct{})
	for range 4 {
		comers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				in := new(inbox)
				s := h.NewSubscriber(in)
				s.Subscribe(Channel, "a", func() { in.Receive(&Message{Channel: "begin"}) })
				s.Unsubscribe(Channel, "a", func() { in.Receive(&Message{Channel: "end"}) })
				s.Close()
				if got := in.got; !strings.Contains(got[0], "begin") || !strings.Contains(got[len(got)-1], "end") {
					t.Errorf("told %q", got)
				}
			}
		})
	}
	publishers.Wait()
	close(done)
	comers.Wait()
	for _, in := range seen[1:] {
		if !slices.Equal(in.got, seen[0].got) || len(in.got) != 2000 {
			t.Fatalf("%d and %d messages, in different orders", len(in.got), len(seen[0].got))
		}
	}
}

// A pattern and a channel that would take seconds to compare do not fit.
func TestLongPatterns(t *testing.T) {
	h := new(Hub)
	in := new(inbox)
	s := h.NewSubscriber(in)
	s.Subscribe(Pattern, "*"+strings.Repeat("a", 1<<20)+"b*", func() {})
	if n := h.Publish(strings.Repeat("a", 1<<21), ""); n != 0 {
		t.Errorf("%d receivers", n)
	}
}

// What somebody does to a hub, read from bytes, against the model.
func FuzzHub(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x10\x20\x30\x41\x52\x63\x74\x85\x96"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		h := new(Hub)
		var want model
		for k := range want {
			want[k] = map[string]map[int]bool{}
		}
		subs := []*Subscriber{h.NewSubscriber(new(sink)), h.NewSubscriber(new(sink)), h.NewSubscriber(new(sink))}
		for len(ops) > 1 {
			what, n := ops[0], ops[1]
			ops = ops[2:]
			i, k, name := int(what>>2)%len(subs), Kind(what>>4)%kinds, channels[int(n)%len(channels)]
			switch what & 3 {
			case 0, 1:
				subs[i].Subscribe(k, name, func() {})
				if want[k][name] == nil {
					want[k][name] = map[int]bool{}
				}
				want[k][name][i] = true
			case 2:
				subs[i].Unsubscribe(k, name, func() {})
				delete(want[k][name], i)
			case 3:
				before := maps.Clone(want[Channel][name])
				if n := h.Publish(name, "x"); n < len(before) {
					t.Fatalf("%d receivers of at least %d", n, len(before))
				}
			}
			check(t, h, subs, &want)
		}
	})
}

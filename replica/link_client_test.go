package replica_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/replica"
)

// The link to a primary is a client with the flag M, whatever it is that follows; who
// ends it sees it come back, and go on where it was.
func TestPrimaryInClientList(t *testing.T) {
	s := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	db := open(t)
	f := follow(t, db, replica.Options{Addr: s.Addr})
	c, p := clientOf(t, db), s.NewClient(t, 2)
	list := func() string {
		return strings.TrimPrefix(c.Do("CLIENT", "LIST", "TYPE", "master").Str, "txt:")
	}
	p.Do("SELECT", "3")
	p.Do("SET", "k", "v")
	want := regexp.MustCompile(`^id=\d+ addr=` + regexp.QuoteMeta(s.Addr) + ` laddr=127\.0\.0\.1:\d+ fd=\d+ name= age=\d+ idle=\d+ ` +
		`flags=M db=3 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 ` +
		`tot-mem=\d+ events=r cmd=set user=\(superuser\) redir=-1 resp=2\n$`)
	eventually(t, "the primary to be listed", func() bool { return want.MatchString(list()) })
	if got := c.Do("CLIENT", "LIST").Str; strings.Count(got, "\n") != 2 {
		t.Errorf("CLIENT LIST = %q, want two lines", got)
	}
	was := list()
	if got := c.Do("CLIENT", "KILL", "TYPE", "master"); got.Int != 1 {
		t.Errorf("CLIENT KILL TYPE master = %v", got.Lines())
	}
	eventually(t, "the link to come back", func() bool { now := list(); return now != "" && now != was && f.Status().Up })
	if st := f.Status(); st.FullSyncs != 1 || st.PartialSyncs != 1 {
		t.Errorf("%d full and %d partial syncs, want one each", st.FullSyncs, st.PartialSyncs)
	}
	p.Do("SET", "k", "w")
	eventually(t, "a write behind it", func() bool { return c.Do("SELECT", "3").Str == "OK" && c.Do("GET", "k").Str == "w" })
	f.Close()
	if got := list(); got != "" {
		t.Errorf("CLIENT LIST of a link that has ended = %q", got)
	}
}

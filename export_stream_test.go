package larder

import (
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// DumpStream writes what a replica must know of a stream. Consumers that have
// nothing pending are left out, and so are the times and the numbers of
// deliveries: Redis tells its replicas neither when a consumer comes to read in
// vain, nor when it reads its history.
func DumpStream(d *SnapshotDB, key string) string {
	var b strings.Builder
	d.s.sn.Get(d.n, key, func(it engine.Item) {
		s := it.Value.Obj.(*engine.Stream)
		fmt.Fprintf(&b, "len %d last %v deleted %v added %d first %v", s.Len(), s.LastID(), s.MaxDeletedID(), s.EntriesAdded(), s.FirstID())
		for e := range s.Range(streamlog.ID{}, streamlog.MaxID) {
			fmt.Fprintf(&b, " %v%q", e.ID, e.AppendFields(nil))
		}
		for g := range s.Groups() {
			fmt.Fprintf(&b, " group %q last %v read %d", g.Name(), g.LastID(), g.EntriesRead())
			for p := range g.Pending(streamlog.ID{}, streamlog.MaxID) {
				fmt.Fprintf(&b, " %v:%q", p.ID, p.Consumer)
			}
		}
	})
	return b.String()
}

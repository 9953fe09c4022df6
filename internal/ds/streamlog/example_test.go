package streamlog_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/streamlog"
)

func Example() {
	l := streamlog.New()
	lim := streamlog.Limits{MaxBytes: 4096, MaxEntries: 100}
	for i := range uint64(3) {
		id, _ := l.NextID(1000 + i/2)
		if err := l.Append(id, []string{"n", fmt.Sprint(i)}, lim); err != nil {
			fmt.Println(err)
		}
	}
	l.Delete(streamlog.ID{Ms: 1000})
	for e := range l.Range(streamlog.ID{}, streamlog.MaxID) {
		fmt.Println(e.ID, e.AppendFields(nil))
	}
	fmt.Println(l.Len(), l.LastID(), l.MaxDeletedID())
	// Output:
	// 1000-1 [n 1]
	// 1001-0 [n 2]
	// 2 1001-0 1000-0
}

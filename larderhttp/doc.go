// Package larderhttp is a page to look into a store with a browser, for programs that
// embed one: what net/http/pprof is to the Go runtime.
//
//	http.Handle("/debug/larder/", larderhttp.Handler(db, larderhttp.Options{}))
//	http.ListenAndServe("localhost:6060", nil)
//
// It draws operations a second, latencies, memory, hit rate, evictions and expirations
// while one watches; browses keys, with a view for each type; finds big keys and hot
// ones; and shows the slow log, the clients, and the state of pub/sub, replication and
// persistence. Beside the page it serves the same as JSON, and figures for Prometheus.
//
// # Where it is mounted
//
// Anywhere: the handler looks at the last element of the path alone, and the page refers
// to everything by relative names. So it works under any prefix, with http.StripPrefix
// and without, on any router that gives it a whole subtree. The page is at the path that
// ends in a slash; one without is redirected there.
//
// # What it serves
//
//	/                the page
//	/stats.json      figures, and the samples that the charts are drawn from
//	/keys.json       keys, some at a time
//	/value.json      what a key holds, some of it at a time
//	/top.json        the biggest and the most used keys of a sample
//	/slow.json       the slow log
//	/clients.json    connections, pub/sub channels
//	/metrics         figures in Prometheus's text format
//	/command.json    runs a command: POST only, and only if Options.AllowWrites
//
// JSON is for the page first: fields may be added and moved from version to version.
// Keys in it, and in URLs, are base64url without padding, since they are bytes. Elements
// are {"s": text} or, where they are no UTF-8, {"b": base64}, and have a field "n", their
// whole length in bytes, where they are cut.
//
// # Who may
//
// Only who sits at the same machine, unless Options.AllowRemote: the connection must
// come from a loopback address or a Unix socket, with no sign of a proxy between, and the
// Host header must name this machine too, lest a site whose name was made to resolve to
// 127.0.0.1 reads along (DNS rebinding). Options.Authorize can demand more. Requests that
// a browser makes for another site are refused. The page loads nothing from anywhere
// else, and its Content-Security-Policy allows neither inline scripts nor other hosts.
// Keys and values become text nodes, never markup.
//
// # What it costs
//
// Nothing while nobody looks: there is no goroutine and no timer. A sample is taken when
// a page asks for the newest ones and the last is a second old, and all pages share them.
//
// Keys and values are read from a snapshot, which is open for milliseconds and waits for
// no client. That is no access: the clocks of LRU and LFU, hits and misses, and the counts
// of commands stay as they are. Each answer is bounded, whatever the store holds: in
// keys looked at, in elements, in bytes of an element and of the whole.
package larderhttp

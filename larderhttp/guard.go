package larderhttp

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Who may. The store may hold everything that is worth stealing, and a page on a loopback
// address is within reach of every site that a browser on this machine is showing: so
// each request is checked, those for figures too.

// proxied are headers by which proxies say that they pass on somebody else's request.
// They reach a loopback address from a loopback address.
var proxied = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}

// admit returns why a request is refused, nil if it is not.
func (h *handler) admit(r *http.Request) error {
	if !h.o.AllowRemote {
		if err := local(r); err != nil {
			return err
		}
	}
	// Browsers say what a request is for. Another site may lead here, and no more.
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		if r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" || r.Method != http.MethodGet {
			return refusal{http.StatusForbidden, "requests from other sites are refused"}
		}
	}
	if h.o.Authorize != nil && !h.o.Authorize(r) {
		return refusal{http.StatusForbidden, "not authorized"}
	}
	return nil
}

// local returns why a request does not come from this machine, or is not meant for it.
func local(r *http.Request) error {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && addr.Network() == "unix" {
		return nil // no browser reaches one by itself, and files have permissions
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return refusal{http.StatusForbidden, "only this machine is answered: see larderhttp.Options.AllowRemote"}
	}
	for _, name := range proxied {
		if r.Header.Get(name) != "" {
			return refusal{http.StatusForbidden, "proxies are not answered: see larderhttp.Options.AllowRemote"}
		}
	}
	if !localName(r.Host) {
		return refusal{http.StatusForbidden, "the Host header does not name this machine: see larderhttp.Options.AllowRemote"}
	}
	return nil
}

// localName reports whether a Host header can only mean this machine: a loopback
// address, or localhost, which browsers do not look up.
func localName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

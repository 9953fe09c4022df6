package main

import (
	"cmp"
	"slices"
	"strings"
)

// A prefix is what the names of several keys begin with, up to a separator, and what
// these keys take. Parts that are numbers, or long and of hexadecimal digits, are taken
// together as "#", so that user:1:name and user:2:name are both of user:#:.
type prefix struct {
	name string // printable
	totals
	children map[string]*prefix
}

// totals are figures of several keys.
type totals struct {
	keys   int64
	memory int64 // bytes in a redis-server
	file   int64 // bytes in the file
}

func (t *totals) add(o totals) {
	t.keys += o.keys
	t.memory += o.memory
	t.file += o.file
}

// maxPrefixes is the most prefixes that are told apart: keys whose parts are all
// different must not take the memory of the file.
const maxPrefixes = 50_000

// prefixes are the prefixes of all keys, as a tree.
type prefixes struct {
	separator string
	depth     int
	root      prefix
	n         int
	full      bool // some were not told apart
}

// add counts a key for each of its prefixes.
func (p *prefixes) add(key []byte, t totals) {
	p.root.add(t)
	at, rest := &p.root, string(key)
	for range p.depth {
		part, more, ok := strings.Cut(rest, p.separator)
		if !ok {
			return
		}
		rest = more
		part = folded(part) + p.separator
		next := at.children[part]
		if next == nil {
			if p.n == maxPrefixes {
				p.full = true
				return
			}
			p.n++
			if at.children == nil {
				at.children = map[string]*prefix{}
			}
			next = &prefix{name: at.name + part}
			at.children[strings.Clone(part)] = next
		}
		next.add(t)
		at = next
	}
}

// maxPart is the most bytes of a part of a prefix that are looked at.
const maxPart = 64

// folded is a part of a name, or "#" for what is but a number or an identifier.
func folded(part string) string {
	digits, hex := len(part) > 0, len(part) >= 8
	for _, c := range []byte(part) {
		isDigit := c >= '0' && c <= '9'
		digits = digits && isDigit
		hex = hex && (isDigit || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '-')
	}
	switch {
	case digits || hex:
		return "#"
	case len(part) > maxPart:
		return part[:maxPart]
	}
	return part
}

// sorted are the children, the largest first.
func (p *prefix) sorted() []*prefix {
	all := make([]*prefix, 0, len(p.children))
	for _, c := range p.children {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *prefix) int {
		return cmp.Or(cmp.Compare(b.memory, a.memory), cmp.Compare(a.name, b.name))
	})
	return all
}

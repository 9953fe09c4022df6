package main

import (
	_ "embed"
	"encoding/json"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/larderdb/larder/rdb"
)

// The page that inspect --html writes: page.html, which has its style and its script in
// itself and asks for nothing from anywhere, and the figures in the place of a mark in
// it, as JSON. That has no < and no & in it, so that no name of a key can end the
// element it stands in; the script makes text nodes of names, and never HTML.

//go:embed page.html
var pageHTML string

const pageMark = "{{DATA}}"

// maxPageNodes is the most prefixes that go into a page.
const maxPageNodes = 2000

type pageData struct {
	File    string     `json:"file"`
	Server  string     `json:"server"`
	Written string     `json:"written"`
	Keys    int64      `json:"keys"`
	Memory  int64      `json:"memory"`
	Size    int64      `json:"size"`
	Types   []pageRow  `json:"types"`
	TTLs    []pageRow  `json:"ttls"`
	Top     []pageKey  `json:"top"`
	Tree    pagePrefix `json:"tree"`
}

type pageRow struct {
	Name   string `json:"name"`
	Keys   int64  `json:"keys"`
	Memory int64  `json:"memory"`
}

type pageKey struct {
	Name     string `json:"name"`
	DB       int    `json:"db"`
	Type     string `json:"type"`
	Elements int64  `json:"elements"`
	Memory   int64  `json:"memory"`
	File     int64  `json:"size"`
	Expires  string `json:"expires"`
}

type pagePrefix struct {
	Name     string       `json:"name"`
	Keys     int64        `json:"keys"`
	Memory   int64        `json:"memory"`
	Children []pagePrefix `json:"children,omitempty"`
}

func (i *inspection) page(w io.Writer, file string) error {
	d := pageData{File: printable(filepath.Base(file)), Server: printable(i.header.server), Written: timeText(i.header.at),
		Keys: i.all.keys, Memory: i.all.memory, Size: i.all.file, Types: []pageRow{}, Top: []pageKey{}}
	for typ, t := range i.types {
		if t.keys > 0 {
			d.Types = append(d.Types, pageRow{rdb.Type(typ).String(), t.keys, t.memory})
		}
	}
	for j, t := range i.ttls {
		d.TTLs = append(d.TTLs, pageRow{ttlName(j), t.keys, t.memory})
	}
	for _, k := range i.biggest {
		d.Top = append(d.Top, pageKey{printable(string(k.name)), k.db, k.typ.String(), k.elements, k.memory, k.file, timeText(k.expireAt)})
	}
	left := maxPageNodes
	d.Tree = pageTree(&i.prefixes.root, &left)
	d.Tree.Name = "all keys"
	data, err := json.Marshal(d) // which escapes < > & as \u003c and so on
	if err != nil {
		return err
	}
	before, after, _ := strings.Cut(pageHTML, pageMark)
	for _, part := range []string{before, string(data), after} {
		if _, err := io.WriteString(w, part); err != nil {
			return err
		}
	}
	return nil
}

// pageTree is a prefix with what is in it, the biggest first, as long as there are nodes
// left. What is not of a child is shown by the page as the rest.
func pageTree(p *prefix, left *int) pagePrefix {
	n := pagePrefix{Name: printable(p.name), Keys: p.keys, Memory: p.memory}
	children := p.sorted()
	take := min(len(children), *left, 200)
	*left -= take
	for _, c := range children[:take] {
		n.Children = append(n.Children, pageTree(c, left))
	}
	return n
}

// printable is a name with escapes where it is no printable text.
func printable(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

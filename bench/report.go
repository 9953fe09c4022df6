package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A report is Markdown, printed as it comes.
type report struct{ w io.Writer }

func (r *report) title(format string, a ...any) { fmt.Fprintf(r.w, "\n### "+format+"\n", a...) }
func (r *report) para(format string, a ...any)  { fmt.Fprintf(r.w, "\n"+format+"\n", a...) }

// skip says, where the table would stand, what is left out and why.
func (r *report) skip(format string, a ...any) {
	fmt.Fprintf(r.w, "\nSKIPPED: "+format+"\n", a...)
}

// table prints a table; numbers stand to the right.
func (r *report) table(head []string, rows [][]string) {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, c := range row {
			width[i] = max(width[i], len([]rune(c)), 4)
		}
	}
	line := func(row []string) {
		var b strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if i == 0 {
				b.WriteString("| " + c + pad + " ")
			} else {
				b.WriteString("| " + pad + c + " ")
			}
		}
		fmt.Fprintln(r.w, b.String()+"|")
	}
	fmt.Fprintln(r.w)
	line(head)
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = strings.Repeat("-", width[i])
		if i > 0 {
			rule[i] = rule[i][1:] + ":"
		}
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
}

// bar is a figure with the limit that it is held to, in bold if it misses it.
func bar(v, limit float64, format string) string {
	s := fmt.Sprintf(format, v)
	if v > limit {
		return fmt.Sprintf("**%s** (bar "+format+")", s, limit)
	}
	return fmt.Sprintf("%s (bar "+format+")", s, limit)
}

// floor is bar for a figure that must not be lower.
func floor(v, limit float64, format string) string {
	s := fmt.Sprintf(format, v)
	if v < limit {
		return fmt.Sprintf("**%s** (at least "+format+")", s, limit)
	}
	return fmt.Sprintf("%s (at least "+format+")", s, limit)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	n := len(v) / 2
	if len(v)%2 == 1 {
		return v[n]
	}
	return (v[n-1] + v[n]) / 2
}

// ratio is the median of the rounds' ratios of a to b.
func ratio(a, b []float64) float64 {
	var r []float64
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			r = append(r, a[i]/b[i])
		}
	}
	return median(r)
}

func count(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%d million", n/1_000_000)
	case n >= 1000:
		return fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	return fmt.Sprint(n)
}

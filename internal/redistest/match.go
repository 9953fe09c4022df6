package redistest

import (
	"regexp"
	"slices"
	"strings"
)

// matchLines tells whether the rendered lines are what a script expects, where "~ regexp" stands for a line and "..."
// for any number of them.
func matchLines(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	body := strings.TrimLeft(want[0], " ")
	if body == "..." {
		for n := range len(got) + 1 {
			if matchLines(want[1:], got[n:]) {
				return true
			}
		}
		return false
	}
	if len(got) == 0 {
		return false
	}
	return matchLine(want[0], got[0]) && matchLines(want[1:], got[1:])
}

func matchLine(want, got string) bool {
	body := strings.TrimLeft(want, " ")
	margin := want[:len(want)-len(body)]
	pattern, ok := strings.CutPrefix(body, "~ ")
	if !ok {
		return want == got
	}
	rest, ok := strings.CutPrefix(got, margin)
	if !ok || strings.HasPrefix(rest, " ") {
		return false
	}
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(rest)
}

// sortLines puts the elements of a rendered reply in a fixed order, of the outermost aggregate or, "deep", of all;
// in "pairs" an array's elements stay together by twos. It works on the text, so that what a person wrote into a
// script needs no order either.
func sortLines(lines []string, how string) []string {
	if len(lines) == 0 {
		return nil
	}
	margin := len(lines[0]) - len(strings.TrimLeft(lines[0], " "))
	var elems []string
	for i := 1; i < len(lines); {
		j := i + 1
		for j < len(lines) && strings.HasPrefix(lines[j], strings.Repeat(" ", margin+3)) {
			j++
		}
		elem := lines[i:j]
		if how == "deep" {
			elem = sortLines(elem, how)
		}
		elems = append(elems, strings.Join(elem, "\n"))
		i = j
	}
	if how == "pairs" && strings.HasPrefix(lines[0], "(array") && len(elems)%2 == 0 {
		for i := range len(elems) / 2 {
			elems[i] = elems[2*i] + "\n" + elems[2*i+1]
		}
		elems = elems[:len(elems)/2]
	}
	slices.Sort(elems)
	out := []string{lines[0]}
	for _, e := range elems {
		out = append(out, strings.Split(e, "\n")...)
	}
	return out
}

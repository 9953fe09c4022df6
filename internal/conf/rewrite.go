package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// marker stands above what Rewrite adds to the end of a file.
const marker = "# Added by CONFIG REWRITE"

// Rewrite is CONFIG REWRITE: it brings the configuration file up to date. Lines
// that still say what is true stay as they are, with comments and order; lines
// that do not are changed where they stand; what the file does not say and is
// not the default goes to the end. The file then reads back to the same values,
// whatever it includes.
//
// The new file takes the place of the old one at once or not at all. Errors are
// of type Error and carry the text of the reply; ErrNoFile if there is no file.
func (c *Config) Rewrite() error { return c.rewrite(false) }

// RewriteAll is Rewrite, but the file then says everything, what is the default too.
func (c *Config) RewriteAll() error { return c.rewrite(true) }

func (c *Config) rewrite(all bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == "" {
		return ErrNoFile
	}
	old, err := os.ReadFile(c.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return rewriteFailed(err)
	}
	text := c.rewritten(string(old), all)
	// What the file's own lines cannot say, an include may have unsaid: so it
	// is read back, and what came out wrong is said once more at the end.
	wrong, err := c.readsBack(text)
	if err == nil && len(wrong) > 0 {
		text = withAdded(text, wrong)
		wrong, err = c.readsBack(text)
	}
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("%s cannot be written", wrong[0])
	}
	if err != nil {
		return rewriteFailed(err)
	}
	if err := ReplaceFile(c.file, []byte(text)); err != nil {
		return rewriteFailed(err)
	}
	return nil
}

func rewriteFailed(err error) error {
	return Error("ERR Rewriting config file: " + oneLine.Replace(osReason(err)))
}

// rewritten brings the text of a file up to date. With all it says what is the default
// too.
func (c *Config) rewritten(old string, all bool) string {
	lines := strings.Split(strings.TrimSuffix(old, "\n"), "\n")
	if old == "" {
		lines = nil
	}

	// What each directive has to say, and which of the file's lines name it.
	due := make(map[*directive][]string)
	at := make(map[*directive][]int)
	var usersAt []int
	marked := -1
	for i, line := range lines {
		line = strings.Trim(line, " \t\r\n")
		if line == marker {
			marked = i
		}
		if d := named(line); d != nil {
			at[d] = append(at[d], i)
		} else if isUser(line) {
			usersAt = append(usersAt, i)
		}
	}
	for i := range table {
		d := &table[i]
		v := c.value(d)
		if all || len(at[d]) > 0 || d.name == "dir" || v != defaults[i] {
			for _, rest := range d.kind.lines(v) {
				due[d] = append(due[d], d.name+" "+rest)
			}
		}
	}

	drop := make([]bool, len(lines))
	for d, places := range at {
		if c.stillSays(d, lines, places) {
			delete(due, d)
			continue
		}
		for _, i := range places {
			if len(due[d]) == 0 {
				drop[i] = true
				continue
			}
			lines[i] = due[d][0]
			due[d] = due[d][1:]
		}
		// A list that grew stays together: a save that empties it must come
		// before the others, and all of it is easier to read in one place.
		if len(due[d]) > 0 {
			last := places[len(places)-1]
			lines[last] += "\n" + strings.Join(due[d], "\n")
			delete(due, d)
		}
	}

	users := c.userLines(lines, usersAt, drop)
	var out []string
	for i, line := range lines {
		if !drop[i] {
			out = append(out, line)
		}
	}
	var added []string
	for i := range table {
		added = append(added, due[&table[i]]...)
	}
	added = append(added, users...)
	if len(added) > 0 && marked < 0 {
		out = append(out, marker)
	}
	out = append(out, added...)
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, "\n") + "\n"
}

// userLines writes the users there are over the lines that have some, and returns
// those that found no place. Where aclfile has the users the file keeps none: it
// could not be loaded with both.
func (c *Config) userLines(lines []string, places []int, drop []bool) (left []string) {
	if c.lines == nil {
		return nil
	}
	if c.String("aclfile") == "" {
		left = c.lines()
	}
	for i, line := range left {
		words := strings.Split(line, " ")
		for j, w := range words {
			if !bare(w) {
				words[j] = quote(w)
			}
		}
		left[i] = strings.Join(words, " ")
	}
	for _, i := range places {
		if drop[i] = len(left) == 0; !drop[i] {
			lines[i], left = left[0], left[1:]
		}
	}
	return left
}

// isUser reports whether a line of a file gives a user.
func isUser(line string) bool {
	words, ok := cut(line)
	return ok && len(words) > 1 && strings.EqualFold(words[0], "user")
}

// named returns the directive that a line of a file gives a value to.
func named(line string) *directive {
	if line == "" || line[0] == '#' {
		return nil
	}
	words, ok := cut(line)
	if !ok || len(words) == 0 {
		return nil
	}
	return lookup(words[0])
}

// stillSays reports whether these lines, by themselves, give d the value it has.
func (c *Config) stillSays(d *directive, lines []string, places []int) bool {
	fresh := New()
	fresh.start = c.start
	fresh.store(lookup("dir"), value{text: c.start})
	for _, i := range places {
		if fresh.loadText(lines[i], "", 1, maxIncludes) != nil {
			return false
		}
	}
	if d.name == "dir" {
		// A relative one says something else from elsewhere.
		words, _ := cut(lines[places[len(places)-1]])
		if !filepath.IsAbs(words[1]) {
			return false
		}
	}
	return fresh.value(d) == c.value(d)
}

// readsBack loads text as a start would and returns the directives that came
// out different.
func (c *Config) readsBack(text string) (wrong []*directiveAsNow, err error) {
	fresh := New()
	fresh.start = c.start
	fresh.store(lookup("dir"), value{text: c.start})
	if err := fresh.loadText(text, c.file, 1, 0); err != nil {
		return nil, err
	}
	for i := range table {
		if d := &table[i]; fresh.value(d) != c.value(d) {
			wrong = append(wrong, &directiveAsNow{d, c.value(d)})
		}
	}
	return wrong, nil
}

// A directiveAsNow is a directive with the value that a file should give it.
type directiveAsNow struct {
	d *directive
	v value
}

func (n *directiveAsNow) String() string { return n.d.name }

// withAdded says these directives in full at the end.
func withAdded(text string, wrong []*directiveAsNow) string {
	lines := strings.Split(text, "\n")
	lines = lines[:len(lines)-1]
	if !slices.Contains(lines, marker) {
		lines = append(lines, marker)
	}
	for _, n := range wrong {
		if n.d.name == "save" && n.v.text != "" {
			lines = append(lines, `save ""`)
		}
		for _, rest := range n.d.kind.lines(n.v) {
			lines = append(lines, n.d.name+" "+rest)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// ReplaceFile writes a file beside the old one and renames it over it, so that
// a crash leaves one of the two, whole.
func ReplaceFile(path string, content []byte) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the link stays a link
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if _, err = f.Write(content); err != nil {
		return err
	}
	if runtime.GOOS != "wasip1" && runtime.GOOS != "windows" { // neither has modes to keep
		if err = f.Chmod(mode); err != nil {
			return err
		}
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	// The rename itself is in the directory. Not every system lets a directory
	// be opened and synced; the file is in place in any case.
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
	return nil
}

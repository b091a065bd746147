package main

import (
	"slices"
	"sort"
)

// maxPath is the number of posts in the path of a reply: the topmost, and the nearest others.
const maxPath = 40

// Limits says how many posts above and below, and how many levels below, a reader gets.
type Limits struct{ ancestors, descendants, depth int }

var (
	signedIn  = Limits{1_024, 1_024, 1_024}
	anonymous = Limits{40, 60, 20}
)

// ancestors returns the posts above a comment, topmost first. A path of the maximum length has a
// gap below its topmost post, which the rows of the thread fill.
func ancestors(path [][2]string, rows []Row, most int, removed map[string]bool) []string {
	ids := []string{}
	for _, step := range path {
		ids = append(ids, step[0])
	}
	if len(ids) >= maxPath {
		ids = fillGap(ids, rows)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return removed[id] })
	if len(ids) <= most {
		return ids
	}
	return append([]string{ids[0]}, ids[len(ids)-most+1:]...)
}

func fillGap(ids []string, rows []Row) []string {
	root, near, parents := ids[0], ids[1:], parentsOf(rows)
	gap, at := []string{}, root
	if parent, isKnown := parents[near[0]]; isKnown {
		at = parent
	}
	for at != root {
		gap = append(gap, at)
		parent, isKnown := parents[at]
		if !isKnown || len(gap) > len(rows) {
			break
		}
		at = parent
	}
	slices.Reverse(gap)
	return append(append([]string{root}, gap...), near...)
}

// descendants returns the comments below a post in reading order: depth first, oldest first.
// Replies to removed comments are below the nearest remaining post.
func descendants(id string, rows []Row, limits Limits, removed map[string]bool) []string {
	parents, children := parentsOf(rows), map[string][]string{}
	comments := make([]string, 0, len(parents))
	for comment := range parents {
		if !removed[comment] {
			comments = append(comments, comment)
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(comments)))
	for _, comment := range comments {
		parent := nearestRemaining(comment, parents, removed)
		children[parent] = append(children[parent], comment)
	}
	type step struct {
		comment string
		level   int
	}
	ordered, stack := []string{}, []step{}
	push := func(parent string, level int) {
		for _, child := range children[parent] {
			stack = append(stack, step{child, level})
		}
	}
	push(id, 1)
	for len(stack) > 0 && len(ordered) < limits.descendants {
		last := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		ordered = append(ordered, last.comment)
		if last.level < limits.depth {
			push(last.comment, last.level+1)
		}
	}
	return ordered
}

func parentsOf(rows []Row) map[string]string {
	parents := map[string]string{}
	for _, row := range rows {
		parents[row[0]] = row[1]
	}
	return parents
}

// nearestRemaining returns the nearest remaining post above a comment, and shortens the paths to it.
func nearestRemaining(comment string, parents map[string]string, removed map[string]bool) string {
	passed, at := []string{comment}, parents[comment]
	for removed[at] {
		next, isKnown := parents[at]
		if !isKnown {
			break
		}
		passed = append(passed, at)
		at = next
	}
	for _, each := range passed {
		parents[each] = at
	}
	return at
}

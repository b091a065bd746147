// Package threads has the rules of threads: values in, values out.
package threads

import (
	"slices"
	"sort"
)

// MaxPath is the number of posts in the path of a reply: the topmost, and the nearest others.
const MaxPath = 40

// Limits says how many posts above and below, and how many levels below, a reader gets.
type Limits struct{ Ancestors, Descendants, Depth int }

// The limits of users, and of others.
var (
	SignedIn  = Limits{1_024, 1_024, 1_024}
	Anonymous = Limits{40, 60, 20}
)

// Link says which post a comment answers.
type Link struct{ Comment, Parent string }

// AncestorsOf returns the posts above a comment, topmost first. A path of the maximum length has a
// gap below its topmost post, which the links of the thread fill.
func AncestorsOf(comment *Comment, links []Link, limits Limits, removed map[string]bool) []string {
	ids := []string{}
	for _, step := range comment.Path {
		ids = append(ids, step[0])
	}
	if comment.HasGap() {
		ids = fillGap(ids, links)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return removed[id] })
	if len(ids) <= limits.Ancestors {
		return ids
	}
	return append([]string{ids[0]}, ids[len(ids)-limits.Ancestors+1:]...)
}

func fillGap(ids []string, links []Link) []string {
	root, near, parents := ids[0], ids[1:], parentsOf(links)
	gap, at := []string{}, root
	if parent, isKnown := parents[near[0]]; isKnown {
		at = parent
	}
	for at != root {
		gap = append(gap, at)
		parent, isKnown := parents[at]
		if !isKnown || len(gap) > len(links) {
			break
		}
		at = parent
	}
	slices.Reverse(gap)
	return append(append([]string{root}, gap...), near...)
}

// DescendantsOf returns the comments below a post in reading order: depth first, oldest first.
// Replies to removed comments are below the nearest remaining post.
func DescendantsOf(id string, links []Link, limits Limits, removed map[string]bool) []string {
	parents, children := parentsOf(links), map[string][]string{}
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
	for len(stack) > 0 && len(ordered) < limits.Descendants {
		last := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		ordered = append(ordered, last.comment)
		if last.level < limits.Depth {
			push(last.comment, last.level+1)
		}
	}
	return ordered
}

func parentsOf(links []Link) map[string]string {
	parents := map[string]string{}
	for _, link := range links {
		parents[link.Comment] = link.Parent
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

package lists

import (
	"context"
	"errors"
	"slices"
	"sort"
)

// Window is the newest rows below Max, or with Min the oldest rows above it.
type Window struct {
	Limit    int
	Max, Min string
}

func (w Window) admits(id string) bool { return (w.Max == "" || id < w.Max) && id > w.Min }

// Read returns the rows of a window, newest first; with ErrReplaced those that are still there.
func (l *Lists) Read(ctx context.Context, head *Head, window Window) ([]Row, error) {
	rows, refs := slices.Clone(head.Recent), head.Segments
	var replaced error
	for {
		wanted := window.segments(head.Recent, refs)
		isIndex := func(ref Ref) bool { return ref.Level > 0 }
		if slices.ContainsFunc(wanted, isIndex) {
			wanted = filter(wanted, isIndex)
		}
		more, below, err := l.load(ctx, wanted)
		if err != nil && !errors.Is(err, ErrReplaced) {
			return nil, err
		}
		replaced = errors.Join(replaced, err)
		rows = append(rows, more...)
		if len(below) == 0 {
			return window.selectRows(rows), replaced
		}
		refs = append(filter(refs, func(ref Ref) bool { return !slices.Contains(wanted, ref) }), below...)
	}
}

// ReadPresent is Read for a reader while a list changes: rows of segments that were just replaced are
// missing.
func (l *Lists) ReadPresent(ctx context.Context, head *Head, window Window) ([]Row, error) {
	rows, err := l.Read(ctx, head, window)
	if errors.Is(err, ErrReplaced) {
		return rows, nil
	}
	return rows, err
}

// All returns every row of a list.
func (l *Lists) All(ctx context.Context, id string) ([]Row, error) {
	for range maxAttempts {
		head, err := l.Head(ctx, id)
		if err != nil {
			return nil, err
		}
		rows, err := l.Read(ctx, head, Window{Limit: max(head.Total, 1)})
		if !errors.Is(err, ErrReplaced) {
			return rows, err
		}
	}
	return nil, keepsChanging(id)
}

// segments returns those that complete a window. A row that came late is in a segment that overlaps
// others, so one is left out only if it lies beyond as many rows as the window takes.
func (w Window) segments(recent []Row, refs []Ref) []Ref {
	ascending, boundary := w.Min != "", ""
	within := []string{}
	for _, row := range recent {
		if w.admits(row[0]) {
			within = append(within, row[0])
		}
	}
	sort.Strings(within)
	if len(within) >= w.Limit {
		boundary = within[len(within)-w.Limit]
		if ascending {
			boundary = within[w.Limit-1]
		}
	}
	var chosen []Ref
	far, rowsWithin := "", 0
	for _, ref := range w.overlapping(refs) {
		if boundary != "" && ((ascending && ref.Low > boundary) || (!ascending && ref.High < boundary)) {
			break
		}
		chosen = append(chosen, ref)
		if boundary == "" && w.admits(ref.Low) && w.admits(ref.High) {
			switch {
			case ascending:
				far = max(far, ref.High)
			case far == "":
				far = ref.Low
			default:
				far = min(far, ref.Low)
			}
			if rowsWithin += ref.Count; rowsWithin >= w.Limit {
				boundary = far
			}
		}
	}
	return chosen
}

func (w Window) overlapping(refs []Ref) []Ref {
	found := []Ref{}
	for _, ref := range refs {
		if ref.High > w.Min && (w.Max == "" || ref.Low < w.Max) {
			found = append(found, ref)
		}
	}
	if w.Min != "" {
		sort.SliceStable(found, func(i, k int) bool { return found[i].Low < found[k].Low })
		return found
	}
	return byNewest(found)
}

func (w Window) selectRows(rows []Row) []Row {
	byID := map[string]Row{}
	for _, row := range rows {
		if w.admits(row[0]) {
			byID[row[0]] = row
		}
	}
	found := make([]Row, 0, len(byID))
	for _, row := range byID {
		found = append(found, row)
	}
	found = newestFirst(found)
	if len(found) <= w.Limit {
		return found
	}
	if w.Min != "" {
		return found[len(found)-w.Limit:]
	}
	return found[:w.Limit]
}

func newestFirst(rows []Row) []Row {
	sort.SliceStable(rows, func(i, k int) bool { return rows[i][0] > rows[k][0] })
	return rows
}

func byNewest(refs []Ref) []Ref {
	sort.SliceStable(refs, func(i, k int) bool { return refs[i].High > refs[k].High })
	return refs
}

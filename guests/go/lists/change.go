package lists

import (
	"context"
	"errors"
	"slices"
)

// insert adds the rows that the list does not hold yet; it asks for them once it has read the list.
// Segments are looked through only if one may hold a row: mostly a row is newer than all of them.
func (l *Lists) insert(ctx context.Context, id string, begin func() []Row) error {
	var rows, absent []Row
	var seen []Ref
	for range maxAttempts {
		isUnknown := false
		head, err := l.heads.Update(ctx, id, func(head *Head, _ bool) (bool, error) {
			isUnknown, rows = false, begin()
			if !head.mayHold(rows) {
				return head.insert(rows), nil
			}
			// A row may have moved to another segment meanwhile.
			isUnknown = !slices.Equal(head.Segments, seen)
			return !isUnknown && head.insert(absent), nil
		})
		if err != nil {
			return err
		}
		if !isUnknown {
			return l.compact(ctx, id, head)
		}
		absent, seen, err = l.absentFromSegments(ctx, id, rows)
		if err != nil && !errors.Is(err, ErrReplaced) {
			return err
		}
	}
	return keepsChanging(id)
}

func (h *Head) mayHold(rows []Row) bool {
	return slices.ContainsFunc(rows, func(row Row) bool {
		return slices.ContainsFunc(h.Segments, func(ref Ref) bool {
			return ref.Low <= row[0] && row[0] <= ref.High
		})
	})
}

// absentFromSegments returns the rows that no segment holds, and the segments as of that moment.
func (l *Lists) absentFromSegments(
	ctx context.Context, id string, rows []Row,
) (absent []Row, seen []Ref, err error) {
	head, err := l.Head(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		path, err := l.pathTo(ctx, row[0], head.Segments)
		if err != nil {
			return nil, nil, err
		}
		if len(path) == 0 {
			absent = append(absent, row)
		}
	}
	return absent, head.Segments, nil
}

func (h *Head) insert(rows []Row) bool {
	present := IDsOf(h.Recent)
	added := filter(rows, func(row Row) bool { return !present[row[0]] })
	h.Recent = newestFirst(append(h.Recent, added...))
	h.Total += len(added)
	return len(added) > 0
}

// Remove takes rows out of a list, wherever they are.
func (l *Lists) Remove(ctx context.Context, id string, ids ...string) error {
	head, err := l.heads.Update(ctx, id, func(head *Head, _ bool) (bool, error) {
		return head.remove(ids) > 0, nil
	})
	if err != nil {
		return err
	}
	for _, each := range ids {
		if len(head.Segments) > 0 && err == nil {
			err = l.removeFromSegments(ctx, id, each)
		}
	}
	return err
}

func (h *Head) remove(ids []string) int {
	before := len(h.Recent)
	h.Recent = filter(h.Recent, func(row Row) bool { return !slices.Contains(ids, row[0]) })
	h.Total -= before - len(h.Recent)
	return before - len(h.Recent)
}

// removeFromSegments writes a segment without the row, and the indexes above it, under new names.
func (l *Lists) removeFromSegments(ctx context.Context, id, row string) error {
	for range maxAttempts {
		head, err := l.Head(ctx, id)
		if err != nil {
			return err
		}
		path, err := l.pathTo(ctx, row, head.Segments)
		if err == nil && len(path) == 0 {
			return nil
		}
		var written [][]Ref
		if err == nil {
			written, err = l.writeWithout(ctx, row, path)
		}
		if errors.Is(err, ErrReplaced) {
			continue
		}
		if err != nil {
			return err
		}
		_, isMoved, err := l.move(ctx, id, slices.Concat(written...), func(head *Head) bool {
			return head.replace(path[0], written[len(written)-1])
		})
		if err != nil {
			return err
		}
		if isMoved {
			l.drop(ctx, path)
		}
	}
	return keepsChanging(id)
}

// replace puts a segment, or none, in the place of another one.
func (h *Head) replace(old Ref, replacement []Ref) bool {
	at := slices.Index(h.Segments, old)
	if at < 0 {
		return false
	}
	h.Segments = slices.Replace(h.Segments, at, at+1, replacement...)
	h.Total -= old.Count
	for _, ref := range replacement {
		h.Total += ref.Count
	}
	return true
}

// writeWithout writes what is in the place of each segment of a path, from the lowest one upwards:
// nothing for one that would be empty.
func (l *Lists) writeWithout(ctx context.Context, row string, path []Ref) ([][]Ref, error) {
	lowest := len(path) - 1
	rows, _, err := l.load(ctx, path[lowest:])
	if err != nil {
		return nil, err
	}
	made, err := l.writeSegment(ctx, filter(rows, func(each Row) bool { return each[0] != row }))
	written := [][]Ref{made}
	for i := lowest - 1; i >= 0 && err == nil; i-- {
		var refs []Ref
		if _, refs, err = l.load(ctx, path[i:i+1]); err != nil {
			break
		}
		if at := slices.Index(refs, path[i+1]); at >= 0 {
			refs = slices.Replace(refs, at, at+1, made...)
		}
		made, err = l.writeIndex(ctx, refs)
		written = append(written, made)
	}
	return written, err
}

// compact moves the oldest rows of a large head to segments, and its oldest references to indexes.
func (l *Lists) compact(ctx context.Context, id string, head *Head) error {
	for len(head.Recent) > 2*rowsPerSegment {
		moved := slices.Clone(head.Recent[len(head.Recent)-rowsPerSegment:])
		made, err := l.writeSegment(ctx, moved)
		if err != nil {
			return err
		}
		apply := func(head *Head) bool { return head.moveRows(moved, made) }
		if head, _, err = l.move(ctx, id, made, apply); err != nil {
			return err
		}
	}
	for excess := head.excess(); len(excess) > 0; excess = head.excess() {
		made, err := l.writeIndex(ctx, excess)
		if err != nil {
			return err
		}
		apply := func(head *Head) bool { return head.moveRefs(excess, made) }
		if head, _, err = l.move(ctx, id, made, apply); err != nil {
			return err
		}
	}
	return nil
}

// move changes a head so that it names new segments, or drops these if it is no longer as it was.
func (l *Lists) move(
	ctx context.Context, id string, made []Ref, apply func(head *Head) bool,
) (*Head, bool, error) {
	isMoved := false
	head, err := l.heads.Update(ctx, id, func(head *Head, _ bool) (bool, error) {
		isMoved = apply(head)
		return isMoved, nil
	})
	if err == nil && !isMoved {
		l.drop(ctx, made)
	}
	return head, isMoved, err
}

func (h *Head) moveRows(rows []Row, segment []Ref) bool {
	moved := IDsOf(rows)
	kept := filter(h.Recent, func(row Row) bool { return !moved[row[0]] })
	if len(h.Recent)-len(kept) != len(rows) {
		return false
	}
	h.Recent, h.Segments = kept, byNewest(append(h.Segments, segment...))
	return true
}

func (h *Head) moveRefs(refs, index []Ref) bool {
	kept := filter(h.Segments, func(ref Ref) bool { return !slices.Contains(refs, ref) })
	if len(h.Segments)-len(kept) != len(refs) {
		return false
	}
	h.Segments = byNewest(append(kept, index...))
	return true
}

func (h *Head) excess() []Ref {
	levels := map[int][]Ref{}
	for _, ref := range h.Segments {
		levels[ref.Level] = append(levels[ref.Level], ref)
	}
	for _, refs := range levels {
		if len(refs) > 2*refsPerIndex {
			return refs[len(refs)-refsPerIndex:]
		}
	}
	return nil
}

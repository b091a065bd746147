package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sort"
)

const (
	rowsPerSegment = 60
	refsPerIndex   = 32
)

// Row is a row of a list: first the id by which the list is sorted.
type Row []string

// Ref names a segment: its newest and oldest id, its rows, and its level in the tree.
type Ref struct {
	Name, High, Low string
	Count, Level    int
}

// Head is the document of a list: its newest rows, and references to segments with the others.
type Head struct {
	Recent   []Row
	Segments []Ref
	Total    int
}

type storedHead struct {
	Recent string `json:"recent"`
	Spans  string `json:"spans"`
	Total  int    `json:"total"`
}

// MarshalJSON writes rows as texts: the sidecar parses each document, and texts are cheaper.
func (h Head) MarshalJSON() ([]byte, error) {
	recent, err := json.Marshal(append([]Row{}, h.Recent...))
	if err != nil {
		return nil, err
	}
	spans, err := json.Marshal(append([]Ref{}, h.Segments...))
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedHead{string(recent), string(spans), h.Total})
}

// UnmarshalJSON reads a head.
func (h *Head) UnmarshalJSON(raw []byte) error {
	var stored storedHead
	if err := json.Unmarshal(raw, &stored); err != nil {
		return err
	}
	h.Total = stored.Total
	return errors.Join(
		json.Unmarshal([]byte(stored.Recent), &h.Recent), json.Unmarshal([]byte(stored.Spans), &h.Segments),
	)
}

// MarshalJSON writes a reference as a row.
func (r Ref) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{r.Name, r.High, r.Low, r.Count, r.Level})
}

// UnmarshalJSON reads a row; an old one has no level.
func (r *Ref) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal(raw, &[]any{&r.Name, &r.High, &r.Low, &r.Count, &r.Level})
}

// Segment is the document of a segment: rows, or references to other segments, as a text.
type Segment struct {
	Rows string `json:"rows"`
}

// Window is the newest rows below Max, or with Min the oldest rows above it.
type Window struct {
	Limit    int
	Max, Min string
}

func (w Window) admits(id string) bool { return (w.Max == "" || id < w.Max) && id > w.Min }

// Lists is all long lists of one kind. Only heads are swapped; segments are written once.
type Lists struct {
	heads    *Collection[Head]
	segments *Collection[Segment]
}

func NewLists(kind string, sidecar *Sidecar, outbox *Outbox) *Lists {
	always := func(*Head) bool { return true }
	return &Lists{
		heads:    &Collection[Head]{kind: kind, sidecar: sidecar, outbox: outbox, hasEvent: always},
		segments: &Collection[Segment]{kind: kind + "-segment", sidecar: sidecar},
	}
}

// head returns the head of a list, which may be empty.
func (l *Lists) head(ctx context.Context, id string) (*Head, error) {
	found, err := l.heads.Get(ctx, id)
	if err != nil || found[id] == nil {
		return &Head{}, err
	}
	return found[id], nil
}

// ── changing ────────────────────────────────────────────────────────────────────────────────

// Insert adds the rows that the list does not hold yet. Segments are looked through only if one may
// hold a row: mostly a row is newer than all of them.
func (l *Lists) Insert(ctx context.Context, id string, rows ...Row) error {
	var absent []Row
	var seen []Ref
	for range maxAttempts {
		isUnknown := false
		head, err := l.heads.Update(ctx, id, func(head *Head, _ bool) (bool, error) {
			isUnknown = false
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
		if err != nil && !errors.Is(err, errReplaced) {
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
	head, err := l.head(ctx, id)
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
	present := idsOf(h.Recent)
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
		head, err := l.head(ctx, id)
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
		if errors.Is(err, errReplaced) {
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

// ── compaction ──────────────────────────────────────────────────────────────────────────────

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
	moved := idsOf(rows)
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

// ── segments ────────────────────────────────────────────────────────────────────────────────

// writeSegment writes rows, and returns the reference to them; none for no rows.
func (l *Lists) writeSegment(ctx context.Context, rows []Row) ([]Ref, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	return l.writeRows(ctx, Ref{High: rows[0][0], Low: rows[len(rows)-1][0], Count: len(rows)}, rows)
}

func (l *Lists) writeIndex(ctx context.Context, refs []Ref) ([]Ref, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	index := Ref{High: refs[0].High, Low: refs[0].Low, Level: refs[0].Level + 1}
	for _, ref := range refs {
		index.High, index.Low = max(index.High, ref.High), min(index.Low, ref.Low)
		index.Count += ref.Count
	}
	return l.writeRows(ctx, index, refs)
}

func (l *Lists) writeRows(ctx context.Context, ref Ref, rows any) ([]Ref, error) {
	ref.Name = randomHex(8)
	encoded, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	return []Ref{ref}, l.segments.Set(ctx, ref.Name, Segment{string(encoded)})
}

// errReplaced says that a segment is not there any more. The head names another one by now.
var errReplaced = errors.New("a segment was replaced since the head of its list was read")

func keepsChanging(id string) error {
	return unavailable("The list " + id + " changed during every attempt.")
}

// load reads segments: the rows, and the references of indexes. With errReplaced it returns the rest.
func (l *Lists) load(ctx context.Context, refs []Ref) (rows []Row, below []Ref, err error) {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.Name
	}
	found, err := l.segments.Get(ctx, names...)
	if err != nil {
		return nil, nil, err
	}
	for _, ref := range refs {
		segment := found[ref.Name]
		switch {
		case segment == nil:
			err = errReplaced
		case ref.Level > 0:
			err = errors.Join(err, appendFrom(&below, segment.Rows))
		default:
			err = errors.Join(err, appendFrom(&rows, segment.Rows))
		}
	}
	return rows, below, err
}

func appendFrom[T any](all *[]T, encoded string) error {
	var some []T
	err := json.Unmarshal([]byte(encoded), &some)
	*all = append(*all, some...)
	return err
}

// pathTo returns the segments from one that a head names down to the one that holds a row.
func (l *Lists) pathTo(ctx context.Context, id string, refs []Ref) ([]Ref, error) {
	for i, ref := range refs {
		if id < ref.Low || id > ref.High {
			continue
		}
		rows, below, err := l.load(ctx, refs[i:i+1])
		if err != nil {
			return nil, err
		}
		if idsOf(rows)[id] {
			return []Ref{ref}, nil
		}
		path, err := l.pathTo(ctx, id, below)
		if err != nil || len(path) > 0 {
			return append([]Ref{ref}, path...), err
		}
	}
	return nil, nil
}

func (l *Lists) drop(ctx context.Context, refs []Ref) {
	for _, ref := range refs {
		l.segments.Delete(ctx, ref.Name)
	}
}

// ── reading ─────────────────────────────────────────────────────────────────────────────────

// Read returns the rows of a window, newest first; with errReplaced those that are still there.
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
		if err != nil && !errors.Is(err, errReplaced) {
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

// All returns every row of a list.
func (l *Lists) All(ctx context.Context, id string) ([]Row, error) {
	for range maxAttempts {
		head, err := l.head(ctx, id)
		if err != nil {
			return nil, err
		}
		rows, err := l.Read(ctx, head, Window{Limit: max(head.Total, 1)})
		if !errors.Is(err, errReplaced) {
			return rows, err
		}
	}
	return nil, keepsChanging(id)
}

// segments returns those that complete a window. A row that came late is in a segment that overlaps
// others, so one is left out only if it lies beyond as many rows as the window takes.
func (w Window) segments(recent []Row, refs []Ref) []Ref {
	ascending, boundary := w.Min != "", ""
	ids := []string{}
	for _, row := range recent {
		if w.admits(row[0]) {
			ids = append(ids, row[0])
		}
	}
	sort.Strings(ids)
	if len(ids) >= w.Limit {
		boundary = ids[len(ids)-w.Limit]
		if ascending {
			boundary = ids[w.Limit-1]
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

func idsOf(rows []Row) map[string]bool {
	ids := map[string]bool{}
	for _, row := range rows {
		ids[row[0]] = true
	}
	return ids
}

// filter returns the items that are to be kept, and leaves the others where they are.
func filter[T any](items []T, isKept func(T) bool) []T {
	kept := []T{}
	for _, item := range items {
		if isKept(item) {
			kept = append(kept, item)
		}
	}
	return kept
}

package main

import (
	"context"
	"encoding/json"
	"sort"
	"sync"
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

// Window is the newest rows below Max, or with Min the oldest rows above it.
type Window struct {
	Limit    int
	Max, Min string
}

func (w Window) admits(id string) bool { return (w.Max == "" || id < w.Max) && id > w.Min }

// Lists is all long lists of one kind. Only heads are swapped; segments are written once.
type Lists struct {
	heads, segments *Collection
	sidecar         *Sidecar
}

func NewLists(kind string, sidecar *Sidecar, outbox *Outbox) *Lists {
	return &Lists{
		heads:    &Collection{kind: kind, sidecar: sidecar, outbox: outbox},
		segments: &Collection{kind: kind + "-segment", sidecar: sidecar},
		sidecar:  sidecar,
	}
}

func decodeHead(raw json.RawMessage) (*Head, error) {
	head := &Head{}
	if raw == nil {
		return head, nil
	}
	var stored storedHead
	if err := json.Unmarshal(raw, &stored); err != nil {
		return nil, err
	}
	var spans [][]any
	if err := json.Unmarshal([]byte(stored.Recent), &head.Recent); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(stored.Spans), &spans); err != nil {
		return nil, err
	}
	head.Segments, head.Total = decodeRefs(spans), stored.Total
	return head, nil
}

func (h *Head) encode() (json.RawMessage, error) {
	recent, err := json.Marshal(orEmpty(h.Recent))
	if err != nil {
		return nil, err
	}
	spans, err := json.Marshal(encodeRefs(h.Segments))
	if err != nil {
		return nil, err
	}
	return json.Marshal(storedHead{string(recent), string(spans), h.Total})
}

func orEmpty(rows []Row) []Row {
	if rows == nil {
		return []Row{}
	}
	return rows
}

func encodeRefs(refs []Ref) [][]any {
	rows := make([][]any, 0, len(refs))
	for _, ref := range refs {
		rows = append(rows, []any{ref.Name, ref.High, ref.Low, ref.Count, ref.Level})
	}
	return rows
}

func decodeRefs(rows [][]any) []Ref {
	refs := make([]Ref, 0, len(rows))
	for _, row := range rows {
		level := 0.0
		if len(row) > 4 {
			level, _ = row[4].(float64)
		}
		count, _ := row[3].(float64)
		refs = append(refs, Ref{text(row[0]), text(row[1]), text(row[2]), int(count), int(level)})
	}
	return refs
}

func text(value any) string {
	found, _ := value.(string)
	return found
}

// ── changing ────────────────────────────────────────────────────────────────────────────────

// Insert adds the rows that the list does not hold yet.
func (l *Lists) Insert(ctx context.Context, id string, rows ...Row) error {
	for {
		absent, err := l.absentFromSegments(ctx, id, rows)
		if err != nil {
			return err
		}
		var head *Head
		isStale := false
		raw, err := l.heads.Update(ctx, id, func(data json.RawMessage) (json.RawMessage, error) {
			var err error
			if head, err = decodeHead(data); err != nil {
				return nil, err
			}
			if isStale = !sameRefs(head.Segments, absent.refs); isStale {
				return data, nil
			}
			if !head.insert(absent.rows) {
				return data, nil
			}
			return head.encode()
		})
		if err != nil {
			return err
		}
		if isStale { // a row may have moved to a segment meanwhile
			continue
		}
		head, err = decodeHead(raw)
		if err != nil {
			return err
		}
		return l.compact(ctx, id, head)
	}
}

type absentRows struct {
	rows []Row
	refs []Ref
}

// absentFromSegments returns the rows that no segment holds, and the segments as of that moment.
func (l *Lists) absentFromSegments(ctx context.Context, id string, rows []Row) (absentRows, error) {
	found, err := l.heads.Get(ctx, id)
	if err != nil {
		return absentRows{}, err
	}
	head, err := decodeHead(found[id])
	if err != nil {
		return absentRows{}, err
	}
	result := absentRows{refs: head.Segments}
	for _, row := range rows {
		path, err := l.pathTo(ctx, row[0], head.Segments)
		if err != nil {
			return absentRows{}, err
		}
		if len(path) == 0 {
			result.rows = append(result.rows, row)
		}
	}
	return result, nil
}

func sameRefs(a, b []Ref) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (h *Head) insert(rows []Row) bool {
	present := map[string]bool{}
	for _, row := range h.Recent {
		present[row[0]] = true
	}
	before := len(h.Recent)
	for _, row := range rows {
		if !present[row[0]] {
			present[row[0]] = true
			h.Recent = append(h.Recent, row)
		}
	}
	newestFirst(h.Recent)
	h.Total += len(h.Recent) - before
	return len(h.Recent) != before
}

// Remove takes rows out of a list, wherever they are.
func (l *Lists) Remove(ctx context.Context, id string, ids ...string) error {
	wanted := map[string]bool{}
	for _, each := range ids {
		wanted[each] = true
	}
	raw, err := l.heads.Update(ctx, id, func(data json.RawMessage) (json.RawMessage, error) {
		head, err := decodeHead(data)
		if err != nil || data == nil {
			return nil, err
		}
		kept := []Row{}
		for _, row := range head.Recent {
			if !wanted[row[0]] {
				kept = append(kept, row)
			}
		}
		if len(kept) == len(head.Recent) {
			return data, nil
		}
		head.Total -= len(head.Recent) - len(kept)
		head.Recent = kept
		return head.encode()
	})
	if err != nil || raw == nil {
		return err
	}
	head, err := decodeHead(raw)
	for _, each := range ids {
		if err == nil && len(head.Segments) > 0 {
			head, err = l.removeFromSegments(ctx, id, head, each)
		}
	}
	return err
}

// removeFromSegments writes a segment without the row, and the indexes above it, under new names.
func (l *Lists) removeFromSegments(
	ctx context.Context, id string, head *Head, row string,
) (*Head, error) {
	for {
		path, err := l.pathTo(ctx, row, head.Segments)
		if err != nil || len(path) == 0 {
			return head, err
		}
		written, err := l.writeWithout(ctx, row, path)
		if err != nil {
			return head, err
		}
		old, replacement := path[0], written[len(written)-1]
		isReplaced := false
		raw, err := l.heads.Update(ctx, id, func(data json.RawMessage) (json.RawMessage, error) {
			now, err := decodeHead(data)
			if err != nil {
				return nil, err
			}
			if isReplaced = now.replace(old, replacement); !isReplaced {
				return data, nil
			}
			return now.encode()
		})
		if err != nil {
			return head, err
		}
		unused := path
		if !isReplaced {
			unused = present(written)
		}
		l.drop(ctx, unused)
		if head, err = decodeHead(raw); err != nil {
			return head, err
		}
	}
}

func (h *Head) replace(old Ref, replacement *Ref) bool {
	kept, isFound := []Ref{}, false
	for _, ref := range h.Segments {
		if ref != old {
			kept = append(kept, ref)
			continue
		}
		isFound = true
		h.Total -= old.Count
		if replacement != nil {
			kept = append(kept, *replacement)
			h.Total += replacement.Count
		}
	}
	h.Segments = kept
	return isFound
}

func (l *Lists) writeWithout(ctx context.Context, row string, path []Ref) ([]*Ref, error) {
	rows, _, err := l.load(ctx, path[len(path)-1])
	if err != nil {
		return nil, err
	}
	kept := []Row{}
	for _, each := range rows {
		if each[0] != row {
			kept = append(kept, each)
		}
	}
	made, err := l.writeSegment(ctx, kept)
	if err != nil {
		return nil, err
	}
	written := []*Ref{made}
	for i := len(path) - 2; i >= 0; i-- {
		_, refs, err := l.load(ctx, path[i])
		if err != nil {
			return nil, err
		}
		below := []Ref{}
		for _, ref := range refs {
			if ref != path[i+1] {
				below = append(below, ref)
			} else if made != nil {
				below = append(below, *made)
			}
		}
		if made, err = l.writeIndex(ctx, below); err != nil {
			return nil, err
		}
		written = append(written, made)
	}
	return written, nil
}

func present(refs []*Ref) []Ref {
	found := []Ref{}
	for _, ref := range refs {
		if ref != nil {
			found = append(found, *ref)
		}
	}
	return found
}

// ── compaction ──────────────────────────────────────────────────────────────────────────────

// compact moves the oldest rows of a large head to segments, and its oldest references to indexes.
func (l *Lists) compact(ctx context.Context, id string, head *Head) error {
	for len(head.Recent) > 2*rowsPerSegment {
		moved := head.Recent[len(head.Recent)-rowsPerSegment:]
		segment, err := l.writeSegment(ctx, moved)
		if err != nil {
			return err
		}
		if head, err = l.move(ctx, id, *segment, func(h *Head) bool { return h.moveRows(moved, *segment) }); err != nil {
			return err
		}
	}
	for excess := head.excess(); len(excess) > 0; excess = head.excess() {
		index, err := l.writeIndex(ctx, excess)
		if err != nil {
			return err
		}
		if head, err = l.move(ctx, id, *index, func(h *Head) bool { return h.moveRefs(excess, *index) }); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lists) move(
	ctx context.Context, id string, made Ref, apply func(head *Head) bool,
) (*Head, error) {
	isMoved := false
	raw, err := l.heads.Update(ctx, id, func(data json.RawMessage) (json.RawMessage, error) {
		head, err := decodeHead(data)
		if err != nil {
			return nil, err
		}
		if isMoved = apply(head); !isMoved {
			return data, nil
		}
		return head.encode()
	})
	if err != nil {
		return nil, err
	}
	if !isMoved {
		l.drop(ctx, []Ref{made})
	}
	return decodeHead(raw)
}

func (h *Head) moveRows(rows []Row, segment Ref) bool {
	moved := map[string]bool{}
	for _, row := range rows {
		moved[row[0]] = true
	}
	kept := []Row{}
	for _, row := range h.Recent {
		if !moved[row[0]] {
			kept = append(kept, row)
		}
	}
	if len(h.Recent)-len(kept) != len(rows) {
		return false
	}
	h.Recent, h.Segments = kept, byNewest(append(h.Segments, segment))
	return true
}

func (h *Head) moveRefs(refs []Ref, index Ref) bool {
	moved := map[Ref]bool{}
	for _, ref := range refs {
		moved[ref] = true
	}
	kept := []Ref{}
	for _, ref := range h.Segments {
		if !moved[ref] {
			kept = append(kept, ref)
		}
	}
	if len(h.Segments)-len(kept) != len(refs) {
		return false
	}
	h.Segments = byNewest(append(kept, index))
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

func (l *Lists) writeSegment(ctx context.Context, rows []Row) (*Ref, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ref := Ref{randomHex(8), rows[0][0], rows[len(rows)-1][0], len(rows), 0}
	return &ref, l.writeRows(ctx, ref.Name, rows)
}

func (l *Lists) writeIndex(ctx context.Context, refs []Ref) (*Ref, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	index := Ref{randomHex(8), refs[0].High, refs[0].Low, 0, refs[0].Level + 1}
	for _, ref := range refs {
		index.High, index.Low = max(index.High, ref.High), min(index.Low, ref.Low)
		index.Count += ref.Count
	}
	return &index, l.writeRows(ctx, index.Name, encodeRefs(refs))
}

func (l *Lists) writeRows(ctx context.Context, name string, rows any) error {
	encoded, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]string{"rows": string(encoded)})
	if err != nil {
		return err
	}
	_, err = l.segments.Update(ctx, name, func(json.RawMessage) (json.RawMessage, error) {
		return data, nil
	})
	return err
}

// load reads a segment: rows, or the references of an index. One that was replaced is empty.
func (l *Lists) load(ctx context.Context, ref Ref) ([]Row, []Ref, error) {
	loaded, err := l.loadAll(ctx, []Ref{ref})
	if err != nil {
		return nil, nil, err
	}
	return loaded.rows, loaded.refs, nil
}

type content struct {
	rows      []Row
	refs      []Ref
	isMissing bool
}

func (l *Lists) loadAll(ctx context.Context, refs []Ref) (*content, error) {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.Name
	}
	found, err := l.segments.Get(ctx, names...)
	if err != nil {
		return nil, err
	}
	all := &content{}
	for _, ref := range refs {
		raw, exists := found[ref.Name]
		if !exists {
			all.isMissing = true
			continue
		}
		var stored struct{ Rows string }
		if err := json.Unmarshal(raw, &stored); err != nil {
			return nil, err
		}
		if ref.Level > 0 {
			var spans [][]any
			err = json.Unmarshal([]byte(stored.Rows), &spans)
			all.refs = append(all.refs, decodeRefs(spans)...)
		} else {
			var rows []Row
			err = json.Unmarshal([]byte(stored.Rows), &rows)
			all.rows = append(all.rows, rows...)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// pathTo returns the segments from one that a head names down to the one that holds a row.
func (l *Lists) pathTo(ctx context.Context, id string, refs []Ref) ([]Ref, error) {
	for _, ref := range refs {
		if id < ref.Low || id > ref.High {
			continue
		}
		rows, below, err := l.load(ctx, ref)
		if err != nil {
			return nil, err
		}
		if ref.Level > 0 {
			path, err := l.pathTo(ctx, id, below)
			if err != nil || len(path) > 0 {
				return append([]Ref{ref}, path...), err
			}
			continue
		}
		for _, row := range rows {
			if row[0] == id {
				return []Ref{ref}, nil
			}
		}
	}
	return nil, nil
}

// drop deletes segments that no head names any more. What is left behind does no harm.
func (l *Lists) drop(ctx context.Context, refs []Ref) {
	var waiting sync.WaitGroup
	for _, ref := range refs {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			_ = l.sidecar.Delete(ctx, l.segments.Key(ref.Name))
		}()
	}
	waiting.Wait()
}

// ── reading ─────────────────────────────────────────────────────────────────────────────────

// Read returns the rows of a window, newest first, and whether all segments were there.
func (l *Lists) Read(ctx context.Context, head *Head, window Window) ([]Row, bool, error) {
	rows, refs := append([]Row{}, head.Recent...), head.Segments
	isComplete := true
	for {
		chosen := window.segments(head.Recent, refs)
		indexes := []Ref{}
		for _, ref := range chosen {
			if ref.Level > 0 {
				indexes = append(indexes, ref)
			}
		}
		wanted := chosen
		if len(indexes) > 0 {
			wanted = indexes
		}
		if len(wanted) == 0 {
			return window.selectRows(rows), isComplete, nil
		}
		loaded, err := l.loadAll(ctx, wanted)
		if err != nil {
			return nil, false, err
		}
		isComplete = isComplete && !loaded.isMissing
		if len(indexes) == 0 {
			return window.selectRows(append(rows, loaded.rows...)), isComplete, nil
		}
		refs = append(without(refs, indexes), loaded.refs...)
	}
}

// All returns every row of a list.
func (l *Lists) All(ctx context.Context, id string) ([]Row, error) {
	for range 5 {
		found, err := l.heads.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		head, err := decodeHead(found[id])
		if err != nil {
			return nil, err
		}
		rows, isComplete, err := l.Read(ctx, head, Window{Limit: max(head.Total, 1)})
		if err != nil || isComplete {
			return rows, err
		}
	}
	return nil, unavailable("The list " + id + " changed during every attempt to read it.")
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
	newestFirst(found)
	if len(found) <= w.Limit {
		return found
	}
	if w.Min != "" {
		return found[len(found)-w.Limit:]
	}
	return found[:w.Limit]
}

func without(refs, taken []Ref) []Ref {
	isTaken := map[Ref]bool{}
	for _, ref := range taken {
		isTaken[ref] = true
	}
	kept := []Ref{}
	for _, ref := range refs {
		if !isTaken[ref] {
			kept = append(kept, ref)
		}
	}
	return kept
}

func newestFirst(rows []Row) {
	sort.SliceStable(rows, func(i, k int) bool { return rows[i][0] > rows[k][0] })
}

func byNewest(refs []Ref) []Ref {
	sort.SliceStable(refs, func(i, k int) bool { return refs[i].High > refs[k].High })
	return refs
}

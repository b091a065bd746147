package lists

import (
	"context"
	"encoding/json"
	"errors"

	"microgram/guests/go/failure"
	"microgram/guests/go/ids"
)

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
	ref.Name = ids.Random(8)
	encoded, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	return []Ref{ref}, l.segments.Set(ctx, ref.Name, segment{string(encoded)})
}

// ErrReplaced says that a segment is not there any more. The head names another one by now.
var ErrReplaced = errors.New("a segment was replaced since the head of its list was read")

func keepsChanging(id string) error {
	return failure.Unavailable("The list " + id + " changed during every attempt.")
}

// load reads segments: the rows, and the references of indexes. With ErrReplaced it returns the rest.
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
			err = ErrReplaced
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
		if IDsOf(rows)[id] {
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

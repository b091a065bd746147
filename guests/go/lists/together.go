package lists

import (
	"context"
	"sync"

	"microgram/guests/go/failure"
)

// insertion is rows of several callers, which one of them inserts into a list.
type insertion struct {
	rows []Row
	err  error
	done chan struct{}
}

// insertions is what waits for its turn at each list.
type insertions struct {
	mutex  sync.Mutex
	byList map[string]*insertion
}

// join adds rows to the insertion that waits for a list. Who is the first has to do it.
func (i *insertions) join(list string, rows []Row) (own *insertion, isFirst bool) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	own, exists := i.byList[list]
	if !exists {
		notDone := failure.Unavailable("The rows were not inserted.") // if the first one panics
		own = &insertion{err: notDone, done: make(chan struct{})}
		i.byList[list] = own
	}
	present := IDsOf(own.rows) // an event may come twice at the same time
	own.rows = append(own.rows, filter(rows, func(row Row) bool { return !present[row[0]] })...)
	return own, !exists
}

// begin returns the rows of an insertion. Nobody joins it from then on.
func (i *insertions) begin(list string, own *insertion) []Row {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.byList[list] == own {
		delete(i.byList, list)
	}
	return own.rows
}

// Insert adds the rows that the list does not hold yet. Those that wait for the same list at the same
// time, such as for many events of one message, are one change of it. It goes on if who began it no
// longer waits: others wait, too.
func (l *Lists) Insert(ctx context.Context, id string, rows ...Row) error {
	own, isFirst := l.waiting.join(id, rows)
	if isFirst {
		l.insertFor(context.WithoutCancel(ctx), id, own)
	}
	select {
	case <-own.done:
		return own.err
	case <-ctx.Done():
		return failure.OutcomeUnknown("The rows are perhaps not inserted yet.")
	}
}

// insertFor inserts the rows of all who have joined until the list is read.
func (l *Lists) insertFor(ctx context.Context, id string, own *insertion) {
	defer close(own.done)
	defer l.waiting.begin(id, own) // also if the list could not be read
	own.err = l.insert(ctx, id, func() []Row { return l.waiting.begin(id, own) })
}

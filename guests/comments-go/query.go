package main

import (
	"context"
	"time"

	"microgram/guests/comments-go/threads"
	"microgram/guests/go/ids"
	"microgram/guests/go/lists"
)

const (
	maxRows   = 4_096
	clockSkew = 5 * time.Second
)

// query reads threads.
type query struct{ repository *Repository }

// around returns the comments above a post and below it.
func (q *query) around(
	ctx context.Context, id string, limits threads.Limits,
) (above, below []string, err error) {
	comment, thread, gone, err := q.repository.thread(ctx, id)
	if err != nil || (comment != nil && comment.Deleted) {
		return []string{}, []string{}, err
	}
	above, below = []string{}, []string{}
	if comment != nil {
		if above, err = q.above(ctx, comment, thread, gone, limits); err != nil {
			return nil, nil, err
		}
	}
	if limits.Descendants > 0 {
		window := lists.Window{Limit: maxRows, Min: "0"}
		if comment != nil { // all replies are newer, also those of a replica whose clock is behind
			window.Min = ids.Before(id, clockSkew)
		}
		rows, removed, err := q.read(ctx, thread, gone, window)
		if err != nil {
			return nil, nil, err
		}
		below = threads.DescendantsOf(id, linksOf(rows), limits, removed)
	}
	return above, below, nil
}

func (q *query) above(
	ctx context.Context, comment *threads.Comment, thread, gone *lists.Head, limits threads.Limits,
) ([]string, error) {
	window := lists.Window{Limit: maxRows, Max: comment.ID}
	if !comment.HasGap() {
		thread = &lists.Head{}
	}
	rows, removed, err := q.read(ctx, thread, gone, window)
	if err != nil {
		return nil, err
	}
	return threads.AncestorsOf(comment, linksOf(rows), limits, removed), nil
}

// read returns a window of the rows of a thread, and the ids of removed comments in it.
func (q *query) read(
	ctx context.Context, thread, gone *lists.Head, window lists.Window,
) ([]lists.Row, map[string]bool, error) {
	rows, err := q.repository.threads.ReadPresent(ctx, thread, window)
	if err != nil {
		return nil, nil, err
	}
	removed, err := q.repository.removed.ReadPresent(ctx, gone, window)
	return rows, lists.IDsOf(removed), err
}

func linksOf(rows []lists.Row) []threads.Link {
	links := make([]threads.Link, len(rows))
	for i, row := range rows {
		links[i] = threads.Link{Comment: row[0], Parent: row[1]}
	}
	return links
}

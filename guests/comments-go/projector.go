package main

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"

	"microgram/guests/comments-go/threads"
	"microgram/guests/go/documents"
	"microgram/guests/go/failure"
	"microgram/guests/go/ids"
	"microgram/guests/go/inbox"
	"microgram/guests/go/lists"
)

const (
	maxAttempts = 8
	bulkSize    = 50
)

// Projector keeps comments and the lists of threads in agreement with posts, as
// services/comments/application/thread_projection.py does, whose docstring has the reasons.
type Projector struct{ repository *Repository }

func NewProjector(repository *Repository) *Projector { return &Projector{repository} }

// Handle applies the event of a post.
func (p *Projector) Handle(ctx context.Context, event *inbox.Event) error {
	post := threads.Post{Visibility: "public"}
	if err := json.Unmarshal(event.Data, &post); err != nil {
		return inbox.Poison{Why: "post.changed " + event.Subject + ": " + err.Error()}
	}
	for _, step := range post.Path {
		if !ids.IsValid(step[0]) || !ids.IsValid(step[1]) {
			return inbox.Poison{Why: "post.changed " + event.Subject + ": path has something that is no id."}
		}
	}
	if !ids.IsValid(post.ID) || !ids.IsValid(post.Author) || post.CreatedAt == "" {
		return inbox.Poison{Why: "post.changed " + event.Subject + ": id, author or created_at is missing."}
	}
	isBoost := post.ReblogOfID != nil && *post.ReblogOfID != ""
	switch {
	case len(post.Path) > 0:
		if post.InReplyToID == nil || *post.InReplyToID == "" {
			return inbox.Poison{Why: "post.changed " + event.Subject + ": in_reply_to_id is missing."}
		}
		return p.projectComment(ctx, threads.CommentFrom(&post))
	case post.Deleted && !isBoost && post.Visibility != "direct":
		return p.projectDeletion(ctx, post.ID)
	}
	return nil
}

// end makes a comment that exists a deleted one, with its replies.
func end(comment *threads.Comment, exists bool) (bool, error) {
	return exists && comment.End(true), nil
}

func moveBelow(parent string) documents.Change[threads.Comment] {
	return func(comment *threads.Comment, exists bool) (bool, error) {
		return exists && comment.MoveBelow(parent), nil
	}
}

func (p *Projector) projectComment(ctx context.Context, now *threads.Comment) error {
	comment, err := p.repository.comments.Update(ctx, now.ID, func(known *threads.Comment, exists bool) (bool, error) {
		switch {
		case !exists:
			*known = *now
			return true, nil
		case now.Deleted:
			return known.End(now.WithReplies), nil
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return p.reconcile(ctx, comment)
}

func (p *Projector) projectDeletion(ctx context.Context, post string) error {
	if err := p.repository.gone.Add(ctx, post, DeletedPost{post}); err != nil {
		return err
	}
	return p.endReplies(ctx, post)
}

// reconcile makes the lists agree with a comment, and the comment with the post above it.
func (p *Projector) reconcile(ctx context.Context, comment *threads.Comment) error {
	for range maxAttempts {
		if comment.Deleted {
			return p.remove(ctx, comment)
		}
		if err := p.insert(ctx, comment); err != nil {
			return err
		}
		now, err := p.afterParent(ctx, comment)
		if err != nil {
			return err
		}
		if reflect.DeepEqual(now, comment) {
			return nil
		}
		if now.Parent != comment.Parent {
			siblings := p.repository.siblings(comment)
			if err := siblings.Remove(ctx, comment.Parent, comment.ID); err != nil {
				return err
			}
		}
		comment = now
	}
	return failure.Unavailable("The comment " + comment.ID + " keeps changing. Try again.")
}

func (p *Projector) insert(ctx context.Context, comment *threads.Comment) error {
	if err := p.repository.threads.Insert(ctx, comment.Root, rowOf(comment)); err != nil {
		return err
	}
	row := lists.Row{comment.ID, comment.Author}
	return p.repository.siblings(comment).Insert(ctx, comment.Parent, row)
}

// afterParent ends or moves a comment whose parent is deleted, and returns it as it is then.
func (p *Projector) afterParent(ctx context.Context, comment *threads.Comment) (*threads.Comment, error) {
	current, isParentGone, isParentRemoved, err := p.repository.context(ctx, comment)
	if err != nil || current == nil {
		return comment, err
	}
	if isParentGone {
		return p.repository.comments.Update(ctx, comment.ID, end)
	}
	if !isParentRemoved {
		return current, nil
	}
	nearest, err := p.nearestRemaining(ctx, current)
	if err != nil {
		return nil, err
	}
	return p.repository.comments.Update(ctx, comment.ID, moveBelow(nearest))
}

// nearestRemaining returns the nearest post above a comment that was not deleted alone.
func (p *Projector) nearestRemaining(ctx context.Context, comment *threads.Comment) (string, error) {
	path := comment.Path
	for len(path) > 0 {
		steps := []string{}
		for _, step := range path[1:] {
			steps = append(steps, step[0])
		}
		above, err := p.repository.comments.Get(ctx, steps...)
		if err != nil {
			return "", err
		}
		for _, id := range slices.Backward(steps) {
			if each := above[id]; each == nil || !each.Deleted || each.WithReplies {
				return id, nil
			}
		}
		if len(path) < threads.MaxPath {
			break
		}
		path = above[steps[0]].Path
	}
	return comment.Root, nil
}

// remove takes a deleted comment out of lists. One that replies hang on stays in its thread.
func (p *Projector) remove(ctx context.Context, comment *threads.Comment) error {
	repository := p.repository
	if err := repository.siblings(comment).Remove(ctx, comment.Parent, comment.ID); err != nil {
		return err
	}
	if comment.WithReplies {
		if err := repository.threads.Remove(ctx, comment.Root, comment.ID); err != nil {
			return err
		}
		return p.endReplies(ctx, comment.ID)
	}
	if err := repository.threads.Insert(ctx, comment.Root, rowOf(comment)); err != nil {
		return err
	}
	if err := repository.removed.Insert(ctx, comment.Root, lists.Row{comment.ID}); err != nil {
		return err
	}
	return p.reparentReplies(ctx, comment)
}

func (p *Projector) reparentReplies(ctx context.Context, removed *threads.Comment) error {
	ids, err := p.repliesTo(ctx, removed.ID)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(ids, bulkSize) {
		replies, err := p.repository.commentsOf(ctx, batch)
		if err != nil {
			return err
		}
		for _, reply := range replies {
			if err := p.reconcile(ctx, reply); err != nil {
				return err
			}
		}
		for _, lists := range []*lists.Lists{p.repository.replies, p.repository.uncounted} {
			if err := lists.Remove(ctx, removed.ID, batch...); err != nil {
				return err
			}
		}
	}
	return nil
}

// endReplies ends all comments below a post, level by level.
func (p *Projector) endReplies(ctx context.Context, post string) error {
	for level := []string{post}; len(level) > 0; {
		next := []string{}
		for _, above := range level {
			ids, err := p.repliesTo(ctx, above)
			if err != nil {
				return err
			}
			for batch := range slices.Chunk(ids, bulkSize) {
				existing, err := p.endAll(ctx, batch)
				if err != nil {
					return err
				}
				next = append(next, existing...)
			}
		}
		level = next
	}
	return nil
}

// endAll ends comments, and returns those that had not ended before.
func (p *Projector) endAll(ctx context.Context, ids []string) ([]string, error) {
	comments, err := p.repository.commentsOf(ctx, ids)
	existing := []string{}
	for _, comment := range comments {
		if err == nil && !comment.Deleted {
			_, err = p.repository.comments.Update(ctx, comment.ID, end)
			existing = append(existing, comment.ID)
		}
	}
	return existing, err
}

func (p *Projector) repliesTo(ctx context.Context, id string) ([]string, error) {
	ids := []string{}
	for _, lists := range []*lists.Lists{p.repository.replies, p.repository.uncounted} {
		rows, err := lists.All(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			ids = append(ids, row[0])
		}
	}
	return ids, nil
}

package main

import (
	"context"
	"encoding/json"
	"reflect"
)

const (
	maxAttempts = 8
	bulkSize    = 50
)

// Post is what this service needs of a post.
type Post struct {
	ID          string      `json:"id"`
	Author      string      `json:"author"`
	CreatedAt   string      `json:"created_at"`
	InReplyToID *string     `json:"in_reply_to_id"`
	ReblogOfID  *string     `json:"reblog_of_id"`
	Visibility  string      `json:"visibility"`
	Deleted     bool        `json:"deleted"`
	WithReplies bool        `json:"with_replies"`
	Path        [][2]string `json:"path"`
	Mentions    []struct {
		ID string `json:"id"`
	} `json:"mentions"`
}

// Projector keeps comments and the lists of threads in agreement with posts, as
// services/comments/application/thread_projection.py does, whose docstring has the reasons.
type Projector struct{ repository *Repository }

func NewProjector(repository *Repository) *Projector { return &Projector{repository} }

// Handle applies the event of a post.
func (p *Projector) Handle(ctx context.Context, event *Event) error {
	post := Post{Visibility: "public"}
	if err := json.Unmarshal(event.Data, &post); err != nil {
		return poison{"post.changed " + event.Subject + ": " + err.Error()}
	}
	for _, step := range post.Path {
		if !isID(step[0]) || !isID(step[1]) {
			return poison{"post.changed " + event.Subject + ": path has something that is no id."}
		}
	}
	if !isID(post.ID) || !isID(post.Author) || post.CreatedAt == "" {
		return poison{"post.changed " + event.Subject + ": id, author or created_at is missing."}
	}
	isBoost := post.ReblogOfID != nil && *post.ReblogOfID != ""
	switch {
	case len(post.Path) > 0:
		if post.InReplyToID == nil || *post.InReplyToID == "" {
			return poison{"post.changed " + event.Subject + ": in_reply_to_id is missing."}
		}
		return p.projectComment(ctx, commentFrom(&post))
	case post.Deleted && !isBoost && post.Visibility != "direct":
		return p.projectDeletion(ctx, post.ID)
	}
	return nil
}

func commentFrom(post *Post) *Comment {
	mentioned := map[string]bool{}
	for _, mention := range post.Mentions {
		mentioned[mention.ID] = true
	}
	audience, seen := []string{}, map[string]bool{post.Author: true}
	for _, step := range post.Path {
		author := step[1]
		if !seen[author] && (post.Visibility != "direct" || mentioned[author]) {
			seen[author] = true
			audience = append(audience, author)
		}
	}
	return &Comment{
		ID: post.ID, Author: post.Author, Root: post.Path[0][0], Parent: *post.InReplyToID,
		Audience: audience, Visibility: post.Visibility, CreatedAt: post.CreatedAt,
		Deleted: post.Deleted, Path: post.Path, WithReplies: post.WithReplies,
	}
}

// ended is a comment as deleted, alone or with its replies. Its deletion is final.
func ended(comment *Comment, withReplies bool) *Comment {
	if comment == nil || comment.Deleted {
		return comment
	}
	after := *comment
	after.Deleted, after.WithReplies = true, withReplies
	return &after
}

func (p *Projector) projectComment(ctx context.Context, now *Comment) error {
	comment, err := p.repository.update(ctx, now.ID, func(known *Comment) *Comment {
		if known == nil {
			return now
		}
		if now.Deleted {
			return ended(known, now.WithReplies)
		}
		return known
	})
	if err != nil {
		return err
	}
	return p.reconcile(ctx, comment)
}

func (p *Projector) projectDeletion(ctx context.Context, post string) error {
	_, err := p.repository.gone.Update(ctx, post, func(data json.RawMessage) (json.RawMessage, error) {
		if data != nil {
			return data, nil
		}
		return json.Marshal(map[string]string{"post": post})
	})
	if err != nil {
		return err
	}
	return p.endReplies(ctx, post)
}

// reconcile makes the lists agree with a comment, and the comment with the post above it.
func (p *Projector) reconcile(ctx context.Context, comment *Comment) error {
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
	return unavailable("The comment " + comment.ID + " keeps changing. Try again.")
}

func (p *Projector) insert(ctx context.Context, comment *Comment) error {
	if err := p.repository.threads.Insert(ctx, comment.Root, comment.row()); err != nil {
		return err
	}
	row := Row{comment.ID, comment.Author}
	return p.repository.siblings(comment).Insert(ctx, comment.Parent, row)
}

// afterParent ends or moves a comment whose parent is deleted.
func (p *Projector) afterParent(ctx context.Context, comment *Comment) (*Comment, error) {
	repository := p.repository
	own, above := repository.comments.Key(comment.ID), repository.comments.Key(comment.Parent)
	gone := repository.gone.Key(comment.Parent)
	entries, err := repository.sidecar.Get(ctx, own, above, gone)
	if err != nil {
		return nil, err
	}
	current, err := readComment(entries, own)
	if err != nil {
		return nil, err
	}
	if current == nil {
		current = comment
	}
	parent, err := readComment(entries, above)
	if err != nil {
		return nil, err
	}
	_, isGone := entries[gone]
	if isGone || (parent != nil && parent.Deleted && parent.WithReplies) {
		return repository.update(ctx, comment.ID, func(known *Comment) *Comment {
			return ended(known, true)
		})
	}
	if parent == nil || !parent.Deleted {
		return current, nil
	}
	nearest, err := p.nearestRemaining(ctx, current)
	if err != nil {
		return nil, err
	}
	return repository.update(ctx, comment.ID, func(known *Comment) *Comment {
		if known == nil || known.Deleted || known.Parent == nearest {
			return known
		}
		after := *known
		after.Parent = nearest
		return &after
	})
}

func readComment(entries map[string]Entry, key string) (*Comment, error) {
	entry, exists := entries[key]
	if !exists {
		return nil, nil
	}
	envelope, err := readEnvelope(entry.Value)
	if err != nil {
		return nil, err
	}
	var comment Comment
	return &comment, json.Unmarshal(envelope.Data, &comment)
}

// nearestRemaining returns the nearest post above a comment that was not deleted alone.
func (p *Projector) nearestRemaining(ctx context.Context, comment *Comment) (string, error) {
	path := comment.Path
	for len(path) > 0 {
		ids := []string{}
		for _, step := range path[1:] {
			ids = append(ids, step[0])
		}
		above, err := p.repository.commentsOf(ctx, ids)
		if err != nil {
			return "", err
		}
		byID := map[string]*Comment{}
		for _, each := range above {
			byID[each.ID] = each
		}
		for i := len(ids) - 1; i >= 0; i-- {
			each := byID[ids[i]]
			if each == nil || !each.Deleted || each.WithReplies {
				return ids[i], nil
			}
		}
		if len(path) < maxPath {
			break
		}
		path = byID[ids[0]].Path
	}
	return comment.Root, nil
}

// remove takes a deleted comment out of lists. One that replies hang on stays in its thread.
func (p *Projector) remove(ctx context.Context, comment *Comment) error {
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
	if err := repository.threads.Insert(ctx, comment.Root, comment.row()); err != nil {
		return err
	}
	if err := repository.removed.Insert(ctx, comment.Root, Row{comment.ID}); err != nil {
		return err
	}
	return p.reparentReplies(ctx, comment)
}

func (p *Projector) reparentReplies(ctx context.Context, removed *Comment) error {
	ids, err := p.repliesTo(ctx, removed.ID)
	if err != nil {
		return err
	}
	for _, batch := range batches(ids) {
		replies, err := p.repository.commentsOf(ctx, batch)
		if err != nil {
			return err
		}
		for _, reply := range replies {
			if err := p.reconcile(ctx, reply); err != nil {
				return err
			}
		}
		for _, lists := range []*Lists{p.repository.replies, p.repository.uncounted} {
			if err := lists.Remove(ctx, removed.ID, batch...); err != nil {
				return err
			}
		}
	}
	return nil
}

// endReplies ends all comments below a post, level by level.
func (p *Projector) endReplies(ctx context.Context, post string) error {
	level := []string{post}
	for len(level) > 0 {
		next := []string{}
		for _, above := range level {
			ids, err := p.repliesTo(ctx, above)
			if err != nil {
				return err
			}
			for _, batch := range batches(ids) {
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
	if err != nil {
		return nil, err
	}
	existing := []string{}
	for _, comment := range comments {
		if comment.Deleted {
			continue
		}
		_, err := p.repository.update(ctx, comment.ID, func(known *Comment) *Comment {
			return ended(known, true)
		})
		if err != nil {
			return nil, err
		}
		existing = append(existing, comment.ID)
	}
	return existing, nil
}

func (p *Projector) repliesTo(ctx context.Context, id string) ([]string, error) {
	ids := []string{}
	for _, lists := range []*Lists{p.repository.replies, p.repository.uncounted} {
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

func batches(ids []string) [][]string {
	var found [][]string
	for start := 0; start < len(ids); start += bulkSize {
		found = append(found, ids[start:min(start+bulkSize, len(ids))])
	}
	return found
}

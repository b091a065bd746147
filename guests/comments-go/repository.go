package main

import (
	"context"
	"encoding/json"
)

// Comment is the document comment:POST, the place of a reply in its thread. Path holds the posts
// above it with their authors. Parent is the nearest post above that was not deleted alone.
type Comment struct {
	ID          string      `json:"id"`
	Author      string      `json:"author"`
	Root        string      `json:"root"`
	Parent      string      `json:"parent"`
	Audience    []string    `json:"audience"`
	Visibility  string      `json:"visibility"`
	CreatedAt   string      `json:"created_at"`
	Deleted     bool        `json:"deleted"`
	Path        [][2]string `json:"path"`
	WithReplies bool        `json:"with_replies"`
}

// publicComment is the data of the event comment.changed.
type publicComment struct {
	ID         string   `json:"id"`
	Author     string   `json:"author"`
	Root       string   `json:"root"`
	Parent     string   `json:"parent"`
	Audience   []string `json:"audience"`
	Visibility string   `json:"visibility"`
	CreatedAt  string   `json:"created_at"`
	Deleted    bool     `json:"deleted"`
}

func (c *Comment) isCounted() bool { return c.Visibility == "public" || c.Visibility == "unlisted" }

func (c *Comment) answered() string {
	if len(c.Path) > 0 {
		return c.Path[len(c.Path)-1][0]
	}
	return c.Parent
}

// hasChanged tells whether a comment is deleted or moved: posts knows all else.
func hasChanged(data json.RawMessage) bool {
	var comment Comment
	err := json.Unmarshal(data, &comment)
	return err != nil || comment.Deleted || comment.Parent != comment.answered()
}

func always(json.RawMessage) bool { return true }

// row is the row of the comment in the list of its thread: comment, answered post, author.
func (c *Comment) row() Row { return Row{c.ID, c.answered(), c.Author} }

// Repository stores comments, and the lists that are derived from them.
type Repository struct {
	sidecar                     *Sidecar
	comments, gone              *Collection
	threads, removed            *Lists
	replies, uncounted          *Lists
	commentChanges, replyCounts *Outbox
}

func NewRepository(sidecar *Sidecar) *Repository {
	changes := NewOutbox("comments", "comment", "comment.changed", sidecar, commentEvent, hasChanged)
	counts := NewOutbox("comment-counts", "replies", "replies.counted", sidecar, replyCountEvent, always)
	return &Repository{
		sidecar:        sidecar,
		comments:       &Collection{kind: "comment", sidecar: sidecar, outbox: changes},
		gone:           &Collection{kind: "gone", sidecar: sidecar},
		threads:        NewLists("thread", sidecar, nil),
		removed:        NewLists("removed", sidecar, nil),
		replies:        NewLists("replies", sidecar, counts),
		uncounted:      NewLists("whispers", sidecar, nil),
		commentChanges: changes,
		replyCounts:    counts,
	}
}

// Close publishes what is left, as long as the context allows.
func (r *Repository) Close(ctx context.Context) {
	r.commentChanges.Close(ctx)
	r.replyCounts.Close(ctx)
}

func commentEvent(_ string, data json.RawMessage) (any, error) {
	var comment publicComment
	err := json.Unmarshal(data, &comment)
	return comment, err
}

func replyCountEvent(id string, data json.RawMessage) (any, error) {
	var head storedHead
	err := json.Unmarshal(data, &head)
	return map[string]any{"post": id, "total": head.Total}, err
}

func (r *Repository) siblings(comment *Comment) *Lists {
	if comment.isCounted() {
		return r.replies
	}
	return r.uncounted
}

func (r *Repository) comment(ctx context.Context, id string) (*Comment, error) {
	found, err := r.commentsOf(ctx, []string{id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

func (r *Repository) commentsOf(ctx context.Context, ids []string) ([]*Comment, error) {
	found, err := r.comments.Get(ctx, ids...)
	if err != nil {
		return nil, err
	}
	var comments []*Comment
	for _, id := range ids {
		if raw := found[id]; raw != nil {
			var comment Comment
			if err := json.Unmarshal(raw, &comment); err != nil {
				return nil, err
			}
			comments = append(comments, &comment)
		}
	}
	return comments, nil
}

// update changes a comment; `change` gets nil if there is none.
func (r *Repository) update(
	ctx context.Context, id string, change func(comment *Comment) *Comment,
) (*Comment, error) {
	raw, err := r.comments.Update(ctx, id, func(data json.RawMessage) (json.RawMessage, error) {
		var before *Comment
		if data != nil {
			before = &Comment{}
			if err := json.Unmarshal(data, before); err != nil {
				return nil, err
			}
		}
		after := change(before)
		if after == nil || after == before {
			return data, nil
		}
		return json.Marshal(after)
	})
	if err != nil || raw == nil {
		return nil, err
	}
	var comment Comment
	return &comment, json.Unmarshal(raw, &comment)
}

// thread returns the comment of a post, if it is one, and the heads of its thread.
func (r *Repository) thread(ctx context.Context, id string) (*Comment, *Head, *Head, error) {
	comment, err := r.comment(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	root := id
	if comment != nil {
		root = comment.Root
	}
	threadKey, removedKey := r.threads.heads.Key(root), r.removed.heads.Key(root)
	entries, err := r.sidecar.Get(ctx, threadKey, removedKey)
	if err != nil {
		return nil, nil, nil, err
	}
	heads := map[string]*Head{}
	for _, key := range []string{threadKey, removedKey} {
		var data json.RawMessage
		if entry, exists := entries[key]; exists {
			envelope, err := readEnvelope(entry.Value)
			if err != nil {
				return nil, nil, nil, err
			}
			data = envelope.Data
		}
		if heads[key], err = decodeHead(data); err != nil {
			return nil, nil, nil, err
		}
	}
	return comment, heads[threadKey], heads[removedKey], nil
}

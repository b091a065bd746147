// Generated from docs/contracts by `python -m tools.contracts.models`: do not edit.

import type { Schemas } from "../../ts/schema.ts";

/** The profile of a user. Event `account.changed` on `accounts`. */
export interface AccountChangedEvent {
  readonly data: Profile;
  readonly entityversion: number;
  readonly id: string;
  readonly sequence: number;
  readonly source: "users";
  readonly stream: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly type: "account.changed";
}

/** A picture, upright and without metadata. */
export interface Attachment {
  readonly blurhash: string;
  readonly description?: string;
  readonly focus?: ReadonlyArray<number>;
  readonly id: string;
  readonly medium?: string;
  readonly medium_size?: Size | null;
  readonly mime: string;
  readonly original: string;
  readonly original_size: Size;
  readonly owner: string;
  readonly small: string;
  readonly small_size: Size;
}

/** A CloudEvent: the newest state of one document, and the version of that state. */
export interface CloudEvent {
  readonly data: Readonly<Record<string, unknown>>;
  readonly entityversion: number;
  readonly id: string;
  readonly sequence: number;
  readonly source: string;
  readonly stream: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly type: string;
}

/** How many users favourite a post, or boost it. */
export interface FavouritesCountedEvent {
  readonly data: PostCount;
  readonly entityversion: number;
  readonly id: string;
  readonly sequence: number;
  readonly source: "posts";
  readonly stream: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly type: "favourites.counted";
}

/** The number of followers of an account, or of accounts that it follows. */
export interface FollowCount {
  readonly account: string;
  readonly total: number;
}

/** The number of followers of an account, or of accounts that it follows. */
export interface FollowersCountedEvent {
  readonly data: FollowCount;
  readonly entityversion: number;
  readonly id: string;
  readonly sequence: number;
  readonly source: "users";
  readonly stream: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly type: "followers.counted";
}

/** The number of followers of an account, or of accounts that it follows. */
export interface FollowingCountedEvent {
  readonly data: FollowCount;
  readonly entityversion: number;
  readonly id: string;
  readonly sequence: number;
  readonly source: "users";
  readonly stream: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly type: "following.counted";
}

/** A user who is mentioned in a post or on a profile. */
export interface Mention {
  readonly id: string;
  readonly username: string;
}

/** An order, for its buyer and its seller. Event `order.changed` on `orders`. */
export interface Order {
  readonly buyer: string;
  readonly created_at: string;
  readonly currency: "AUD" | "CAD" | "CHF" | "CZK" | "DKK" | "EUR" | "GBP" | "JPY" | "KWD" | "NOK" | "PLN" | "SEK" | "USD";
  readonly history: ReadonlyArray<OrderEntry>;
  readonly id: string;
  readonly lines: ReadonlyArray<OrderLine>;
  readonly paid?: boolean;
  readonly reason?: string;
  readonly seller: string;
  readonly shop: string;
  readonly state: "placed" | "waiting" | "paying" | "ending" | "refunding" | "completed" | "cancelled" | "declined" | "failed" | "refunded";
  readonly total: number;
  readonly version?: number;
}

/** An order, for its buyer and its seller. Event `order.changed` on `orders`. */
export interface OrderChangedEvent {
  readonly data: Order;
  readonly entityversion: number;
  readonly id: string;
  readonly sequence: number;
  readonly source: "orders";
  readonly stream: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly type: "order.changed";
}

/** A step in the history of an order. `why` is an explanation for people, or empty. */
export interface OrderEntry {
  readonly at: string;
  readonly what: "placed" | "reserved" | "payment_pending" | "authorized" | "confirmed" | "capturing" | "completed" | "price_changed" | "not_available" | "declined" | "cancel_requested" | "gave_up" | "voided" | "released" | "cancelled" | "failed" | "refund_requested" | "refund_refused" | "restocked" | "refunded";
  readonly why?: string;
}

/** An ordered item, with its names and its price for one piece at that time. */
export interface OrderLine {
  readonly name: string;
  readonly picture?: Attachment | null;
  readonly price: number;
  readonly product: string;
  readonly quantity: number;
  readonly title: string;
  readonly variant: string;
}

/** A post as its author created it. Event `post.changed` on `posts`. */
export interface Post {
  readonly application?: string;
  readonly application_website?: string;
  readonly attachments?: ReadonlyArray<Attachment>;
  readonly author: string;
  readonly created_at: string;
  readonly deleted?: boolean;
  readonly edited_at?: string | null;
  readonly id: string;
  readonly in_reply_to_account_id?: string | null;
  readonly in_reply_to_id?: string | null;
  readonly language?: string | null;
  readonly mentions?: ReadonlyArray<Mention>;
  readonly path?: ReadonlyArray<ReadonlyArray<string>>;
  readonly pictures_kept?: boolean;
  readonly product_ids?: ReadonlyArray<string>;
  readonly reblog_of_account_id?: string | null;
  readonly reblog_of_id?: string | null;
  readonly sensitive?: boolean;
  readonly spoiler_text?: string;
  readonly tags?: ReadonlyArray<string>;
  readonly text?: string;
  readonly visibility?: "public" | "unlisted" | "private" | "direct";
  readonly with_replies?: boolean;
}

/** A post as its author created it. Event `post.changed` on `posts`. */
export interface PostChangedEvent {
  readonly data: Post;
  readonly entityversion: number;
  readonly id: string;
  readonly sequence: number;
  readonly source: "posts";
  readonly stream: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly type: "post.changed";
}

/** How many users favourite a post, or boost it. */
export interface PostCount {
  readonly post: string;
  readonly total: number;
}

/** The profile of a user. Event `account.changed` on `accounts`. */
export interface Profile {
  readonly avatar?: string;
  readonly bot?: boolean;
  readonly created_at: string;
  readonly default_language?: string;
  readonly default_sensitive?: boolean;
  readonly default_visibility?: string;
  readonly deleted?: boolean;
  readonly discoverable?: boolean;
  readonly display_name?: string;
  readonly fields?: ReadonlyArray<ProfileField>;
  readonly header?: string;
  readonly id: string;
  readonly locale?: string;
  readonly locked?: boolean;
  readonly mentions?: ReadonlyArray<Mention>;
  readonly note?: string;
  readonly role?: string;
  readonly suspended?: boolean;
  readonly username: string;
}

/** A row of the table on a profile. */
export interface ProfileField {
  readonly name: string;
  readonly value: string;
  readonly verified_at?: string | null;
}

/** How many users favourite a post, or boost it. */
export interface ReblogsCountedEvent {
  readonly data: PostCount;
  readonly entityversion: number;
  readonly id: string;
  readonly sequence: number;
  readonly source: "posts";
  readonly stream: string;
  readonly subject: string;
  readonly time?: string;
  readonly traceparent?: string;
  readonly type: "reblogs.counted";
}

/** A size in pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

export type AnyEvent = AccountChangedEvent | FavouritesCountedEvent | FollowersCountedEvent | FollowingCountedEvent | OrderChangedEvent | PostChangedEvent | ReblogsCountedEvent;

/** The service that publishes each topic. */
export const producers: Readonly<Record<string, string>> = {
  "account-counts": "users",
  "accounts": "users",
  "orders": "orders",
  "post-counts": "posts",
  "posts": "posts"
};

/** The schema of each type of event. */
export const events: Readonly<Record<string, { readonly schema: string }>> = {
  "followers.counted": {
    "schema": "FollowersCountedEvent"
  },
  "following.counted": {
    "schema": "FollowingCountedEvent"
  },
  "account.changed": {
    "schema": "AccountChangedEvent"
  },
  "order.changed": {
    "schema": "OrderChangedEvent"
  },
  "favourites.counted": {
    "schema": "FavouritesCountedEvent"
  },
  "reblogs.counted": {
    "schema": "ReblogsCountedEvent"
  },
  "post.changed": {
    "schema": "PostChangedEvent"
  }
};

export const schemas: Schemas = {
  "AccountChangedEvent": {
    "type": "object",
    "required": [
      "id",
      "type",
      "source",
      "subject",
      "stream",
      "sequence",
      "entityversion",
      "data"
    ],
    "properties": {
      "data": {
        "$ref": "Profile"
      },
      "entityversion": {
        "type": "integer",
        "minimum": 1
      },
      "id": {
        "type": "string",
        "maxLength": 512
      },
      "sequence": {
        "type": "integer",
        "minimum": 1
      },
      "source": {
        "const": "users"
      },
      "stream": {
        "type": "string",
        "maxLength": 64
      },
      "subject": {
        "type": "string",
        "maxLength": 256
      },
      "time": {
        "type": "string"
      },
      "traceparent": {
        "type": "string"
      },
      "type": {
        "const": "account.changed"
      }
    }
  },
  "Attachment": {
    "type": "object",
    "required": [
      "id",
      "owner",
      "mime",
      "original",
      "small",
      "original_size",
      "small_size",
      "blurhash"
    ],
    "properties": {
      "blurhash": {
        "type": "string"
      },
      "description": {
        "type": "string"
      },
      "focus": {
        "type": "array"
      },
      "id": {
        "type": "string"
      },
      "medium": {
        "type": "string"
      },
      "medium_size": {
        "anyOf": [
          {
            "$ref": "Size"
          },
          {
            "type": "null"
          }
        ]
      },
      "mime": {
        "type": "string"
      },
      "original": {
        "type": "string"
      },
      "original_size": {
        "$ref": "Size"
      },
      "owner": {
        "type": "string"
      },
      "small": {
        "type": "string"
      },
      "small_size": {
        "$ref": "Size"
      }
    }
  },
  "CloudEvent": {
    "type": "object",
    "required": [
      "id",
      "type",
      "source",
      "subject",
      "stream",
      "sequence",
      "entityversion",
      "data"
    ],
    "properties": {
      "data": {
        "type": "object"
      },
      "entityversion": {
        "type": "integer",
        "minimum": 1
      },
      "id": {
        "type": "string",
        "maxLength": 512
      },
      "sequence": {
        "type": "integer",
        "minimum": 1
      },
      "source": {
        "type": "string",
        "maxLength": 64
      },
      "stream": {
        "type": "string",
        "maxLength": 64
      },
      "subject": {
        "type": "string",
        "maxLength": 256
      },
      "time": {
        "type": "string"
      },
      "traceparent": {
        "type": "string"
      },
      "type": {
        "type": "string",
        "maxLength": 128
      }
    }
  },
  "FavouritesCountedEvent": {
    "type": "object",
    "required": [
      "id",
      "type",
      "source",
      "subject",
      "stream",
      "sequence",
      "entityversion",
      "data"
    ],
    "properties": {
      "data": {
        "$ref": "PostCount"
      },
      "entityversion": {
        "type": "integer",
        "minimum": 1
      },
      "id": {
        "type": "string",
        "maxLength": 512
      },
      "sequence": {
        "type": "integer",
        "minimum": 1
      },
      "source": {
        "const": "posts"
      },
      "stream": {
        "type": "string",
        "maxLength": 64
      },
      "subject": {
        "type": "string",
        "maxLength": 256
      },
      "time": {
        "type": "string"
      },
      "traceparent": {
        "type": "string"
      },
      "type": {
        "const": "favourites.counted"
      }
    }
  },
  "FollowCount": {
    "type": "object",
    "required": [
      "account",
      "total"
    ],
    "properties": {
      "account": {
        "type": "string"
      },
      "total": {
        "type": "integer"
      }
    }
  },
  "FollowersCountedEvent": {
    "type": "object",
    "required": [
      "id",
      "type",
      "source",
      "subject",
      "stream",
      "sequence",
      "entityversion",
      "data"
    ],
    "properties": {
      "data": {
        "$ref": "FollowCount"
      },
      "entityversion": {
        "type": "integer",
        "minimum": 1
      },
      "id": {
        "type": "string",
        "maxLength": 512
      },
      "sequence": {
        "type": "integer",
        "minimum": 1
      },
      "source": {
        "const": "users"
      },
      "stream": {
        "type": "string",
        "maxLength": 64
      },
      "subject": {
        "type": "string",
        "maxLength": 256
      },
      "time": {
        "type": "string"
      },
      "traceparent": {
        "type": "string"
      },
      "type": {
        "const": "followers.counted"
      }
    }
  },
  "FollowingCountedEvent": {
    "type": "object",
    "required": [
      "id",
      "type",
      "source",
      "subject",
      "stream",
      "sequence",
      "entityversion",
      "data"
    ],
    "properties": {
      "data": {
        "$ref": "FollowCount"
      },
      "entityversion": {
        "type": "integer",
        "minimum": 1
      },
      "id": {
        "type": "string",
        "maxLength": 512
      },
      "sequence": {
        "type": "integer",
        "minimum": 1
      },
      "source": {
        "const": "users"
      },
      "stream": {
        "type": "string",
        "maxLength": 64
      },
      "subject": {
        "type": "string",
        "maxLength": 256
      },
      "time": {
        "type": "string"
      },
      "traceparent": {
        "type": "string"
      },
      "type": {
        "const": "following.counted"
      }
    }
  },
  "Mention": {
    "type": "object",
    "required": [
      "id",
      "username"
    ],
    "properties": {
      "id": {
        "type": "string"
      },
      "username": {
        "type": "string"
      }
    }
  },
  "Order": {
    "type": "object",
    "required": [
      "id",
      "buyer",
      "seller",
      "shop",
      "lines",
      "total",
      "currency",
      "state",
      "history",
      "created_at"
    ],
    "properties": {
      "buyer": {
        "type": "string"
      },
      "created_at": {
        "type": "string"
      },
      "currency": {
        "type": "string",
        "enum": [
          "AUD",
          "CAD",
          "CHF",
          "CZK",
          "DKK",
          "EUR",
          "GBP",
          "JPY",
          "KWD",
          "NOK",
          "PLN",
          "SEK",
          "USD"
        ]
      },
      "history": {
        "type": "array",
        "items": {
          "$ref": "OrderEntry"
        }
      },
      "id": {
        "type": "string"
      },
      "lines": {
        "type": "array",
        "items": {
          "$ref": "OrderLine"
        }
      },
      "paid": {
        "type": "boolean"
      },
      "reason": {
        "type": "string"
      },
      "seller": {
        "type": "string"
      },
      "shop": {
        "type": "string"
      },
      "state": {
        "type": "string",
        "enum": [
          "placed",
          "waiting",
          "paying",
          "ending",
          "refunding",
          "completed",
          "cancelled",
          "declined",
          "failed",
          "refunded"
        ]
      },
      "total": {
        "type": "integer"
      },
      "version": {
        "type": "integer"
      }
    }
  },
  "OrderChangedEvent": {
    "type": "object",
    "required": [
      "id",
      "type",
      "source",
      "subject",
      "stream",
      "sequence",
      "entityversion",
      "data"
    ],
    "properties": {
      "data": {
        "$ref": "Order"
      },
      "entityversion": {
        "type": "integer",
        "minimum": 1
      },
      "id": {
        "type": "string",
        "maxLength": 512
      },
      "sequence": {
        "type": "integer",
        "minimum": 1
      },
      "source": {
        "const": "orders"
      },
      "stream": {
        "type": "string",
        "maxLength": 64
      },
      "subject": {
        "type": "string",
        "maxLength": 256
      },
      "time": {
        "type": "string"
      },
      "traceparent": {
        "type": "string"
      },
      "type": {
        "const": "order.changed"
      }
    }
  },
  "OrderEntry": {
    "type": "object",
    "required": [
      "what",
      "at"
    ],
    "properties": {
      "at": {
        "type": "string"
      },
      "what": {
        "type": "string",
        "enum": [
          "placed",
          "reserved",
          "payment_pending",
          "authorized",
          "confirmed",
          "capturing",
          "completed",
          "price_changed",
          "not_available",
          "declined",
          "cancel_requested",
          "gave_up",
          "voided",
          "released",
          "cancelled",
          "failed",
          "refund_requested",
          "refund_refused",
          "restocked",
          "refunded"
        ]
      },
      "why": {
        "type": "string"
      }
    }
  },
  "OrderLine": {
    "type": "object",
    "required": [
      "product",
      "variant",
      "title",
      "name",
      "quantity",
      "price"
    ],
    "properties": {
      "name": {
        "type": "string"
      },
      "picture": {
        "anyOf": [
          {
            "$ref": "Attachment"
          },
          {
            "type": "null"
          }
        ]
      },
      "price": {
        "type": "integer"
      },
      "product": {
        "type": "string"
      },
      "quantity": {
        "type": "integer"
      },
      "title": {
        "type": "string"
      },
      "variant": {
        "type": "string"
      }
    }
  },
  "Post": {
    "type": "object",
    "required": [
      "id",
      "author",
      "created_at"
    ],
    "properties": {
      "application": {
        "type": "string"
      },
      "application_website": {
        "type": "string"
      },
      "attachments": {
        "type": "array",
        "items": {
          "$ref": "Attachment"
        }
      },
      "author": {
        "type": "string"
      },
      "created_at": {
        "type": "string"
      },
      "deleted": {
        "type": "boolean"
      },
      "edited_at": {
        "anyOf": [
          {
            "type": "string"
          },
          {
            "type": "null"
          }
        ]
      },
      "id": {
        "type": "string"
      },
      "in_reply_to_account_id": {
        "anyOf": [
          {
            "type": "string"
          },
          {
            "type": "null"
          }
        ]
      },
      "in_reply_to_id": {
        "anyOf": [
          {
            "type": "string"
          },
          {
            "type": "null"
          }
        ]
      },
      "language": {
        "anyOf": [
          {
            "type": "string"
          },
          {
            "type": "null"
          }
        ]
      },
      "mentions": {
        "type": "array",
        "items": {
          "$ref": "Mention"
        }
      },
      "path": {
        "type": "array",
        "items": {
          "type": "array"
        }
      },
      "pictures_kept": {
        "type": "boolean"
      },
      "product_ids": {
        "type": "array",
        "items": {
          "type": "string"
        }
      },
      "reblog_of_account_id": {
        "anyOf": [
          {
            "type": "string"
          },
          {
            "type": "null"
          }
        ]
      },
      "reblog_of_id": {
        "anyOf": [
          {
            "type": "string"
          },
          {
            "type": "null"
          }
        ]
      },
      "sensitive": {
        "type": "boolean"
      },
      "spoiler_text": {
        "type": "string"
      },
      "tags": {
        "type": "array",
        "items": {
          "type": "string"
        }
      },
      "text": {
        "type": "string"
      },
      "visibility": {
        "type": "string",
        "enum": [
          "public",
          "unlisted",
          "private",
          "direct"
        ]
      },
      "with_replies": {
        "type": "boolean"
      }
    }
  },
  "PostChangedEvent": {
    "type": "object",
    "required": [
      "id",
      "type",
      "source",
      "subject",
      "stream",
      "sequence",
      "entityversion",
      "data"
    ],
    "properties": {
      "data": {
        "$ref": "Post"
      },
      "entityversion": {
        "type": "integer",
        "minimum": 1
      },
      "id": {
        "type": "string",
        "maxLength": 512
      },
      "sequence": {
        "type": "integer",
        "minimum": 1
      },
      "source": {
        "const": "posts"
      },
      "stream": {
        "type": "string",
        "maxLength": 64
      },
      "subject": {
        "type": "string",
        "maxLength": 256
      },
      "time": {
        "type": "string"
      },
      "traceparent": {
        "type": "string"
      },
      "type": {
        "const": "post.changed"
      }
    }
  },
  "PostCount": {
    "type": "object",
    "required": [
      "post",
      "total"
    ],
    "properties": {
      "post": {
        "type": "string"
      },
      "total": {
        "type": "integer"
      }
    }
  },
  "Profile": {
    "type": "object",
    "required": [
      "id",
      "username",
      "created_at"
    ],
    "properties": {
      "avatar": {
        "type": "string"
      },
      "bot": {
        "type": "boolean"
      },
      "created_at": {
        "type": "string"
      },
      "default_language": {
        "type": "string"
      },
      "default_sensitive": {
        "type": "boolean"
      },
      "default_visibility": {
        "type": "string"
      },
      "deleted": {
        "type": "boolean"
      },
      "discoverable": {
        "type": "boolean"
      },
      "display_name": {
        "type": "string"
      },
      "fields": {
        "type": "array",
        "items": {
          "$ref": "ProfileField"
        }
      },
      "header": {
        "type": "string"
      },
      "id": {
        "type": "string"
      },
      "locale": {
        "type": "string"
      },
      "locked": {
        "type": "boolean"
      },
      "mentions": {
        "type": "array",
        "items": {
          "$ref": "Mention"
        }
      },
      "note": {
        "type": "string"
      },
      "role": {
        "type": "string"
      },
      "suspended": {
        "type": "boolean"
      },
      "username": {
        "type": "string"
      }
    }
  },
  "ProfileField": {
    "type": "object",
    "required": [
      "name",
      "value"
    ],
    "properties": {
      "name": {
        "type": "string"
      },
      "value": {
        "type": "string"
      },
      "verified_at": {
        "anyOf": [
          {
            "type": "string"
          },
          {
            "type": "null"
          }
        ]
      }
    }
  },
  "ReblogsCountedEvent": {
    "type": "object",
    "required": [
      "id",
      "type",
      "source",
      "subject",
      "stream",
      "sequence",
      "entityversion",
      "data"
    ],
    "properties": {
      "data": {
        "$ref": "PostCount"
      },
      "entityversion": {
        "type": "integer",
        "minimum": 1
      },
      "id": {
        "type": "string",
        "maxLength": 512
      },
      "sequence": {
        "type": "integer",
        "minimum": 1
      },
      "source": {
        "const": "posts"
      },
      "stream": {
        "type": "string",
        "maxLength": 64
      },
      "subject": {
        "type": "string",
        "maxLength": 256
      },
      "time": {
        "type": "string"
      },
      "traceparent": {
        "type": "string"
      },
      "type": {
        "const": "reblogs.counted"
      }
    }
  },
  "Size": {
    "type": "object",
    "required": [
      "width",
      "height"
    ],
    "properties": {
      "height": {
        "type": "integer"
      },
      "width": {
        "type": "integer"
      }
    }
  }
};

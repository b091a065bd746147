// The form in which a post is edited.

import "./draft-picture.js";
import "./post-text.js";

-- What belongs to a user and not to one of the tokens. Names are compared byte by byte.
CREATE TABLE tags (
  id INTEGER PRIMARY KEY NOT NULL,          -- random
  user_id INTEGER NOT NULL REFERENCES users (id),
  name TEXT NOT NULL,
  color TEXT NOT NULL,                      -- six lower-case hexadecimal digits
  UNIQUE (user_id, name)
) STRICT;

-- Which tokens carry which tags. A new token copies the rows of its parent that are for children, too.
CREATE TABLE token_tags (
  mytoken_id BLOB NOT NULL REFERENCES mytokens (id) ON DELETE CASCADE,
  tag_id INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  include_children INTEGER NOT NULL,
  PRIMARY KEY (mytoken_id, tag_id)
) STRICT;
CREATE INDEX token_tags_tag ON token_tags (tag_id);

-- Ways to the service that a user opened: off unless a row says otherwise.
CREATE TABLE user_grants (
  user_id INTEGER NOT NULL REFERENCES users (id),
  grant_type TEXT NOT NULL,                 -- ssh
  enabled INTEGER NOT NULL,
  PRIMARY KEY (user_id, grant_type)
) STRICT;

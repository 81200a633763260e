-- Organisations, users, API keys, user keys, values.
--
-- Times are milliseconds since the epoch, ids 16-byte blobs. mac_key and mac authenticate the row;
-- their meaning is not known here. Small rows live in their primary key (WITHOUT ROWID); rows with
-- large blobs do not, because a B-tree of large keys is slow to search.

CREATE TABLE orgs (
    org_id  BLOB NOT NULL PRIMARY KEY CHECK (length(org_id) = 16),
    name    TEXT NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 512),
    created INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    mac_key INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac     BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    org_id   BLOB NOT NULL REFERENCES orgs (org_id),
    user_id  BLOB NOT NULL UNIQUE CHECK (length(user_id) = 16),
    name     TEXT NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 512),
    is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    created  INTEGER NOT NULL,
    version  INTEGER NOT NULL CHECK (version >= 1),
    mac_key  INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac      BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (org_id, user_id)
) STRICT, WITHOUT ROWID;

-- A key of root has neither organisation nor user.
CREATE TABLE api_keys (
    key_id   TEXT NOT NULL PRIMARY KEY CHECK (octet_length(key_id) = 8),
    org_id   BLOB,
    user_id  BLOB,
    key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),
    created  INTEGER NOT NULL,
    expires  INTEGER,
    version  INTEGER NOT NULL CHECK (version >= 1),
    mac_key  INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac      BLOB NOT NULL CHECK (length(mac) = 32),
    CHECK ((org_id IS NULL) = (user_id IS NULL)),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_by_user ON api_keys (org_id, user_id, key_id);

CREATE TABLE user_keys (
    org_id             BLOB NOT NULL,
    user_id            BLOB NOT NULL,
    protection         BLOB NOT NULL CHECK (length(protection) BETWEEN 1 AND 1024),
    secret_version     INTEGER NOT NULL CHECK (secret_version BETWEEN 0 AND 4294967295),
    account_key_box    BLOB NOT NULL CHECK (length(account_key_box) BETWEEN 1 AND 4096),
    current_generation INTEGER NOT NULL CHECK (current_generation BETWEEN 1 AND 4294967295),
    version            INTEGER NOT NULL CHECK (version >= 1),
    mac_key            INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac                BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_pairs (
    org_id     BLOB NOT NULL,
    user_id    BLOB NOT NULL,
    generation INTEGER NOT NULL CHECK (generation BETWEEN 1 AND 4294967295),
    public_key BLOB NOT NULL CHECK (length(public_key) BETWEEN 1 AND 4096),
    ecc_box    BLOB NOT NULL CHECK (length(ecc_box) BETWEEN 1 AND 4096),
    kyber_box  BLOB NOT NULL CHECK (length(kyber_box) BETWEEN 1 AND 4096),
    created    INTEGER NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 1),
    mac_key    INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac        BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (org_id, user_id, generation),
    FOREIGN KEY (org_id, user_id) REFERENCES user_keys (org_id, user_id)
) STRICT;

-- The primary key serves look-ups by name and sorted lists alike.
CREATE TABLE vault_values (
    org_id          BLOB NOT NULL,
    owner           BLOB NOT NULL,
    name            TEXT NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 512),
    record_id       BLOB NOT NULL UNIQUE CHECK (length(record_id) = 16),
    current_version INTEGER NOT NULL CHECK (current_version >= 1),
    created         INTEGER NOT NULL,
    updated         INTEGER NOT NULL,
    deleted         INTEGER,
    expires         INTEGER,
    version         INTEGER NOT NULL CHECK (version >= 1),
    mac_key         INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac             BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (org_id, owner, name),
    FOREIGN KEY (org_id, owner) REFERENCES users (org_id, user_id)
) STRICT, WITHOUT ROWID;

-- The payload comes last: reading the columns before it does not walk its overflow pages.
CREATE TABLE value_versions (
    record_id     BLOB NOT NULL REFERENCES vault_values (record_id) ON DELETE CASCADE,
    value_version INTEGER NOT NULL CHECK (value_version >= 1),
    created       INTEGER NOT NULL,
    expires       INTEGER,
    mac_key       INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac           BLOB NOT NULL CHECK (length(mac) = 32),
    header        BLOB NOT NULL CHECK (length(header) BETWEEN 1 AND 1024),
    metadata_box  BLOB CHECK (length(metadata_box) BETWEEN 1 AND 1048576),
    payload       BLOB NOT NULL CHECK (length(payload) BETWEEN 1 AND 17825792),
    PRIMARY KEY (record_id, value_version)
) STRICT;

-- share_id is null where the recipient is the owner.
CREATE TABLE wraps (
    record_id            BLOB NOT NULL,
    value_version        INTEGER NOT NULL,
    recipient            BLOB NOT NULL REFERENCES users (user_id),
    recipient_generation INTEGER NOT NULL CHECK (recipient_generation BETWEEN 0 AND 4294967295),
    share_id             BLOB CHECK (length(share_id) = 16),
    wrap                 BLOB NOT NULL CHECK (length(wrap) BETWEEN 1 AND 4096),
    PRIMARY KEY (record_id, value_version, recipient),
    FOREIGN KEY (record_id, value_version)
        REFERENCES value_versions (record_id, value_version) ON DELETE CASCADE
) STRICT;

CREATE TABLE account_boxes (
    record_id     BLOB NOT NULL,
    value_version INTEGER NOT NULL,
    recipient     BLOB NOT NULL,
    account_box   BLOB NOT NULL CHECK (length(account_box) BETWEEN 1 AND 4096),
    PRIMARY KEY (record_id, value_version, recipient),
    FOREIGN KEY (record_id, value_version, recipient)
        REFERENCES wraps (record_id, value_version, recipient) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Shares, files, credentials, tokens, scopes of API keys, recovery, audit.
--
-- A record is a value, a file or a credential: kind 1, 2 or 3. Wraps and boxes of each kind have
-- tables of the same shape, so that each hangs on its own record by a foreign key.

-- Counts the changes to a record's shares. A write that wrapped to the shares it saw expects it.
ALTER TABLE vault_values
    ADD COLUMN share_revision INTEGER NOT NULL DEFAULT 0 CHECK (share_revision >= 0);

CREATE INDEX wraps_by_recipient
    ON wraps (recipient, recipient_generation, record_id, value_version);

-- The body is a file beside the database, named by its id.
CREATE TABLE files (
    record_id       BLOB NOT NULL PRIMARY KEY CHECK (length(record_id) = 16),
    org_id          BLOB NOT NULL,
    owner           BLOB NOT NULL,
    body            BLOB NOT NULL UNIQUE CHECK (length(body) = 16),
    content_version INTEGER NOT NULL CHECK (content_version >= 1),
    sealed_bytes    INTEGER NOT NULL CHECK (sealed_bytes >= 0),
    sha256          BLOB NOT NULL CHECK (length(sha256) = 32),
    label_box       BLOB NOT NULL CHECK (length(label_box) BETWEEN 1 AND 8192),
    created         INTEGER NOT NULL,
    updated         INTEGER NOT NULL,
    share_revision  INTEGER NOT NULL DEFAULT 0 CHECK (share_revision >= 0),
    version         INTEGER NOT NULL CHECK (version >= 1),
    mac_key         INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac             BLOB NOT NULL CHECK (length(mac) = 32),
    UNIQUE (record_id, content_version),
    FOREIGN KEY (org_id, owner) REFERENCES users (org_id, user_id)
) STRICT;

CREATE INDEX files_by_owner ON files (org_id, owner, record_id);

-- A file has one version of its contents at a time, and only that one has wraps.
CREATE TABLE file_wraps (
    record_id            BLOB NOT NULL,
    value_version        INTEGER NOT NULL,
    recipient            BLOB NOT NULL REFERENCES users (user_id),
    recipient_generation INTEGER NOT NULL CHECK (recipient_generation BETWEEN 0 AND 4294967295),
    share_id             BLOB CHECK (length(share_id) = 16),
    wrap                 BLOB NOT NULL CHECK (length(wrap) BETWEEN 1 AND 4096),
    PRIMARY KEY (record_id, value_version, recipient),
    FOREIGN KEY (record_id, value_version)
        REFERENCES files (record_id, content_version) ON DELETE CASCADE
) STRICT;

CREATE INDEX file_wraps_by_recipient
    ON file_wraps (recipient, recipient_generation, record_id, value_version);

CREATE TABLE file_boxes (
    record_id     BLOB NOT NULL,
    value_version INTEGER NOT NULL,
    recipient     BLOB NOT NULL,
    account_box   BLOB NOT NULL CHECK (length(account_box) BETWEEN 1 AND 4096),
    PRIMARY KEY (record_id, value_version, recipient),
    FOREIGN KEY (record_id, value_version, recipient)
        REFERENCES file_wraps (record_id, value_version, recipient) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Bodies whose row is gone and whose file is still to be removed.
CREATE TABLE erased_bodies (
    body BLOB NOT NULL PRIMARY KEY CHECK (length(body) = 16)
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
    record_id       BLOB NOT NULL PRIMARY KEY CHECK (length(record_id) = 16),
    org_id          BLOB NOT NULL,
    owner           BLOB NOT NULL,
    name            TEXT NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 512),
    host_pattern    TEXT NOT NULL CHECK (octet_length(host_pattern) BETWEEN 1 AND 512),
    header          TEXT NOT NULL CHECK (octet_length(header) BETWEEN 1 AND 256),
    template        TEXT NOT NULL CHECK (octet_length(template) BETWEEN 1 AND 1024),
    echo            INTEGER NOT NULL CHECK (echo BETWEEN 0 AND 255),
    protection      BLOB CHECK (length(protection) BETWEEN 1 AND 1024),
    current_version INTEGER NOT NULL CHECK (current_version >= 1),
    newest_version  INTEGER NOT NULL CHECK (newest_version >= current_version),
    created         INTEGER NOT NULL,
    updated         INTEGER NOT NULL,
    expires         INTEGER,
    share_revision  INTEGER NOT NULL DEFAULT 0 CHECK (share_revision >= 0),
    version         INTEGER NOT NULL CHECK (version >= 1),
    mac_key         INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac             BLOB NOT NULL CHECK (length(mac) = 32),
    UNIQUE (org_id, owner, name),
    FOREIGN KEY (org_id, owner) REFERENCES users (org_id, user_id)
) STRICT;

CREATE INDEX credentials_by_owner ON credentials (org_id, owner, record_id);

-- Host pattern, header and template are those the value was sealed with.
CREATE TABLE credential_versions (
    record_id     BLOB NOT NULL REFERENCES credentials (record_id) ON DELETE CASCADE,
    value_version INTEGER NOT NULL CHECK (value_version >= 1),
    host_pattern  TEXT NOT NULL CHECK (octet_length(host_pattern) BETWEEN 1 AND 512),
    header        TEXT NOT NULL CHECK (octet_length(header) BETWEEN 1 AND 256),
    template      TEXT NOT NULL CHECK (octet_length(template) BETWEEN 1 AND 1024),
    sealed        BLOB NOT NULL CHECK (length(sealed) BETWEEN 1 AND 32768),
    created       INTEGER NOT NULL,
    mac_key       INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac           BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (record_id, value_version)
) STRICT;

CREATE TABLE credential_wraps (
    record_id            BLOB NOT NULL,
    value_version        INTEGER NOT NULL,
    recipient            BLOB NOT NULL REFERENCES users (user_id),
    recipient_generation INTEGER NOT NULL CHECK (recipient_generation BETWEEN 0 AND 4294967295),
    share_id             BLOB CHECK (length(share_id) = 16),
    wrap                 BLOB NOT NULL CHECK (length(wrap) BETWEEN 1 AND 4096),
    PRIMARY KEY (record_id, value_version, recipient),
    FOREIGN KEY (record_id, value_version)
        REFERENCES credential_versions (record_id, value_version) ON DELETE CASCADE
) STRICT;

CREATE INDEX credential_wraps_by_recipient
    ON credential_wraps (recipient, recipient_generation, record_id, value_version);

CREATE TABLE credential_boxes (
    record_id     BLOB NOT NULL,
    value_version INTEGER NOT NULL,
    recipient     BLOB NOT NULL,
    account_box   BLOB NOT NULL CHECK (length(account_box) BETWEEN 1 AND 4096),
    PRIMARY KEY (record_id, value_version, recipient),
    FOREIGN KEY (record_id, value_version, recipient)
        REFERENCES credential_wraps (record_id, value_version, recipient) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- One column per kind repeats the record, so that a share goes with its record whatever the kind.
CREATE TABLE shares (
    share_id        BLOB NOT NULL PRIMARY KEY CHECK (length(share_id) = 16),
    org_id          BLOB NOT NULL,
    kind            INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
    record_id       BLOB NOT NULL CHECK (length(record_id) = 16),
    owner           BLOB NOT NULL,
    recipient       BLOB NOT NULL CHECK (recipient <> owner),
    permission      INTEGER NOT NULL CHECK (permission IN (1, 2)),
    created         INTEGER NOT NULL,
    expires         INTEGER,
    alias_wrap      BLOB CHECK (length(alias_wrap) BETWEEN 1 AND 4096),
    owner_alias_box BLOB CHECK (length(owner_alias_box) BETWEEN 1 AND 4096),
    version         INTEGER NOT NULL CHECK (version >= 1),
    mac_key         INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac             BLOB NOT NULL CHECK (length(mac) = 32),
    of_value BLOB AS (CASE kind WHEN 1 THEN record_id END) STORED
        REFERENCES vault_values (record_id) ON DELETE CASCADE,
    of_file BLOB AS (CASE kind WHEN 2 THEN record_id END) STORED
        REFERENCES files (record_id) ON DELETE CASCADE,
    of_credential BLOB AS (CASE kind WHEN 3 THEN record_id END) STORED
        REFERENCES credentials (record_id) ON DELETE CASCADE,
    UNIQUE (kind, record_id, recipient),
    FOREIGN KEY (org_id, owner) REFERENCES users (org_id, user_id),
    FOREIGN KEY (org_id, recipient) REFERENCES users (org_id, user_id)
) STRICT;

CREATE INDEX shares_of_value ON shares (of_value) WHERE of_value IS NOT NULL;
CREATE INDEX shares_of_file ON shares (of_file) WHERE of_file IS NOT NULL;
CREATE INDEX shares_of_credential ON shares (of_credential) WHERE of_credential IS NOT NULL;
CREATE INDEX shares_by_recipient ON shares (org_id, recipient, kind, share_id);
CREATE INDEX shares_by_owner ON shares (org_id, owner);
CREATE INDEX shares_by_expiry ON shares (expires, share_id) WHERE expires IS NOT NULL;

-- A cache: the recipient's alias, cheap to open. Of that very version of the share.
CREATE TABLE share_boxes (
    share_id      BLOB NOT NULL PRIMARY KEY REFERENCES shares (share_id) ON DELETE CASCADE,
    share_version INTEGER NOT NULL CHECK (share_version >= 1),
    alias_box     BLOB NOT NULL CHECK (length(alias_box) BETWEEN 1 AND 4096)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    key_id   TEXT NOT NULL PRIMARY KEY CHECK (octet_length(key_id) = 8),
    token_id BLOB NOT NULL UNIQUE CHECK (length(token_id) = 16),
    org_id   BLOB NOT NULL,
    user_id  BLOB NOT NULL,
    key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),
    scope    BLOB NOT NULL CHECK (length(scope) <= 16384),
    boxes    BLOB NOT NULL CHECK (length(boxes) <= 65536),
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    version  INTEGER NOT NULL CHECK (version >= 1),
    mac_key  INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac      BLOB NOT NULL CHECK (length(mac) = 32),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, user_id)
) STRICT;

CREATE INDEX tokens_by_user ON tokens (org_id, user_id, key_id);
CREATE INDEX tokens_by_expiry ON tokens (expires, key_id);

CREATE TABLE api_key_scopes (
    key_id  TEXT NOT NULL PRIMARY KEY REFERENCES api_keys (key_id) ON DELETE CASCADE,
    scope   BLOB NOT NULL CHECK (length(scope) BETWEEN 1 AND 16384),
    version INTEGER NOT NULL CHECK (version >= 1),
    mac_key INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac     BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT, WITHOUT ROWID;

-- Coarse, and without a MAC: nothing is decided by it.
CREATE TABLE api_key_uses (
    key_id    TEXT NOT NULL PRIMARY KEY REFERENCES api_keys (key_id) ON DELETE CASCADE,
    last_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE trustees (
    org_id          BLOB NOT NULL,
    owner           BLOB NOT NULL,
    trustee         BLOB NOT NULL CHECK (trustee <> owner),
    set_id          BLOB NOT NULL CHECK (length(set_id) = 16),
    blobs           BLOB NOT NULL CHECK (length(blobs) BETWEEN 1 AND 65536),
    xor_applied     INTEGER NOT NULL CHECK (xor_applied IN (0, 1)),
    hint            TEXT NOT NULL CHECK (octet_length(hint) <= 1024),
    secret_version  INTEGER NOT NULL CHECK (secret_version BETWEEN 0 AND 4294967295),
    waiting_seconds INTEGER NOT NULL CHECK (waiting_seconds BETWEEN 0 AND 4294967295),
    created         INTEGER NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 1),
    mac_key         INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac             BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (org_id, owner, trustee),
    FOREIGN KEY (org_id, owner) REFERENCES users (org_id, user_id),
    FOREIGN KEY (org_id, trustee) REFERENCES users (org_id, user_id)
) STRICT;

CREATE INDEX trustees_by_trustee ON trustees (org_id, trustee, owner);

-- state: 1 pending, 2 vetoed, 3 activated.
CREATE TABLE staged_restores (
    restore_id BLOB NOT NULL PRIMARY KEY CHECK (length(restore_id) = 16),
    org_id     BLOB NOT NULL,
    owner      BLOB NOT NULL,
    trustee    BLOB NOT NULL,
    blobs      BLOB NOT NULL CHECK (length(blobs) BETWEEN 1 AND 65536),
    submitted  INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    state      INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
    version    INTEGER NOT NULL CHECK (version >= 1),
    mac_key    INTEGER NOT NULL CHECK (mac_key BETWEEN 0 AND 4294967295),
    mac        BLOB NOT NULL CHECK (length(mac) = 32),
    FOREIGN KEY (org_id, owner, trustee)
        REFERENCES trustees (org_id, owner, trustee) ON DELETE CASCADE
) STRICT;

CREATE INDEX staged_restores_by_owner ON staged_restores (org_id, owner, trustee, restore_id);

-- Belongs to no other table: what happened stays written when its organisation or user goes.
CREATE TABLE audit_blocks (
    org_id        BLOB NOT NULL CHECK (length(org_id) = 16),
    first_seq     INTEGER NOT NULL CHECK (first_seq >= 1),
    last_seq      INTEGER NOT NULL CHECK (last_seq >= first_seq),
    previous_hash BLOB NOT NULL CHECK (length(previous_hash) = 32),
    hash          BLOB NOT NULL CHECK (length(hash) = 32),
    entries       BLOB NOT NULL CHECK (length(entries) BETWEEN 1 AND 33554432),
    PRIMARY KEY (org_id, last_seq),
    UNIQUE (org_id, first_seq)
) STRICT;

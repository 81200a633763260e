//! Every route with the call that is made and what each kind of caller is answered.

use serde_json::{Value, json};

use super::cast::Ids;

/// What a call by somebody who knows ids of others is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers {
    /// Users of the same organisation that the thing was not, or is no longer, shared with.
    pub(crate) colleagues: u16,
    /// Users and admins of another organisation.
    pub(crate) outsiders: u16,
    /// Root.
    pub(crate) root: u16,
    /// Whether root may see what is there.
    pub(crate) root_sees: bool,
    /// The owner with an API key for other names.
    pub(crate) scoped: u16,
    /// An admin of another organisation, if other than its users.
    pub(crate) foreign_admin: Option<u16>,
    /// Whether colleagues may know that it is there.
    pub(crate) known_inside: bool,
}

/// A route and how it is called.
pub(crate) struct Row {
    pub(crate) method: &'static str,
    /// As in the OpenAPI document.
    pub(crate) path: &'static str,
    /// What follows the path.
    pub(crate) query: &'static str,
    pub(crate) body: Option<fn(&Ids) -> Value>,
    pub(crate) answers: Answers,
}

/// Something that is another's: as absent for everybody else.
const THEIRS: Answers = mine(404);
/// Something of the caller's, whatever ids of others are in the call.
const fn mine(status: u16) -> Answers {
    Answers {
        colleagues: status,
        outsiders: status,
        root: 403,
        root_sees: false,
        scoped: 403,
        foreign_admin: None,
        known_inside: false,
    }
}
/// For admins of the organisation; root may not.
const ADMIN: Answers = Answers {
    colleagues: 403,
    outsiders: 404,
    root: 403,
    root_sees: true,
    scoped: 403,
    foreign_admin: None,
    known_inside: false,
};
/// For admins of the organisation, and root may look.
const ADMIN_OR_ROOT: Answers = Answers { root: 200, ..ADMIN };
/// For root.
const ROOT: Answers = Answers {
    colleagues: 403,
    outsiders: 403,
    root: 200,
    root_sees: true,
    scoped: 403,
    foreign_admin: None,
    known_inside: false,
};
/// For everybody.
const PUBLIC: Answers = Answers {
    colleagues: 200,
    outsiders: 200,
    root: 200,
    root_sees: false,
    scoped: 200,
    foreign_admin: None,
    known_inside: false,
};

const fn row(method: &'static str, path: &'static str, answers: Answers) -> Row {
    Row {
        method,
        path,
        query: "",
        body: None,
        answers,
    }
}

impl Row {
    const fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    const fn body(self, body: fn(&Ids) -> Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    const fn foreign_admin(mut self, status: u16) -> Self {
        self.answers.foreign_admin = Some(status);
        self
    }

    /// About a colleague, whom colleagues know.
    const fn colleagues(mut self, status: u16) -> Self {
        self.answers.colleagues = status;
        self.answers.known_inside = true;
        self
    }

    /// For every key that opens anything but the proxy.
    const fn scoped(mut self, status: u16) -> Self {
        self.answers.scoped = status;
        self
    }

    const fn root(mut self, status: u16) -> Self {
        self.answers.root = status;
        self
    }
}

fn to_use(ids: &Ids) -> Value {
    json!({"recipientUserId": ids["recipient"], "permission": "use"})
}

fn halves(_: &Ids) -> Value {
    json!({"encryptedPrivateKeyEccB64": "AA==", "encryptedPrivateKeyKyberB64": "AA=="})
}

fn share_of_halves(_: &Ids) -> Value {
    json!({
        "encryptedPrivateKeyEccShareB64": "AA==", "encryptedPrivateKeyKyberShareB64": "AA==",
    })
}

fn to_the_recipient(ids: &Ids) -> Value {
    json!({"recipientUserId": ids["recipient"], "permission": "read"})
}

/// Rows that make something of the caller's own under a name of another come last.
pub(crate) const ROWS: &[Row] = &[
    row("GET", "/health", PUBLIC),
    row("GET", "/openapi.json", PUBLIC),
    row("POST", "/v1/keys/generate", mine(409)),
    row("GET", "/v1/keys/status", mine(200)).scoped(200),
    // The new secret is the old one: nothing changes.
    row("POST", "/v1/keys/rekey", mine(400)),
    row("GET", "/v1/keys/private", mine(200)),
    // Nothing is left to move: no new key pair is made.
    row("POST", "/v1/keys/rotate", mine(200)).query("?resume=true"),
    row("GET", "/v1/recovery/trustees", mine(200)),
    row("DELETE", "/v1/recovery/trustees/{trusteeUserId}", THEIRS),
    row("GET", "/v1/recovery/owners", mine(200)),
    row("GET", "/v1/recovery/owners/{ownerUserId}", THEIRS),
    row("POST", "/v1/recovery/restore/{ownerUserId}", THEIRS).body(halves),
    row("GET", "/v1/recovery/restores", mine(200)),
    row("DELETE", "/v1/recovery/restores/{restoreId}", THEIRS),
    row("POST", "/v1/recovery/restores/{restoreId}/activate", THEIRS),
    row("GET", "/v1/kv", mine(200)),
    row("GET", "/v1/kv", mine(200)).query("?prefix=t"),
    row("GET", "/v1/kv/{key}", THEIRS),
    row("GET", "/v1/kv/{key}", THEIRS).query("?version=1"),
    row("DELETE", "/v1/kv/{key}", THEIRS),
    row("DELETE", "/v1/kv/{key}", THEIRS).query("?destroy=true"),
    row("POST", "/v1/kv/{key}/undelete", THEIRS),
    row("GET", "/v1/kv/{key}/versions", THEIRS),
    row("POST", "/v1/kv/{key}/rollback", THEIRS).body(|_| json!({"version": 1})),
    // Refused item by item.
    row("POST", "/v1/kv/batch-get", mine(200))
        .body(|ids| json!({"keys": [ids["key"]]}))
        .scoped(200),
    row("POST", "/v1/kv/{key}/shares", THEIRS).body(to_the_recipient),
    row("GET", "/v1/kv/{key}/shares", THEIRS),
    row("DELETE", "/v1/kv/{key}/shares/{shareId}", THEIRS),
    row("DELETE", "/v1/kv/{key}/shares/{shareId}", THEIRS).query("?rekey=true"),
    row("GET", "/v1/kv/shared", mine(200)),
    row("GET", "/v1/kv/shared/{shareId}", THEIRS),
    row("DELETE", "/v1/kv/shared/{shareId}", THEIRS),
    row("GET", "/v1/credentials", mine(200)),
    row("GET", "/v1/credentials/{credentialId}", THEIRS),
    row("PUT", "/v1/credentials/{credentialId}/value", THEIRS).body(|_| json!({"value": "v"})),
    row("POST", "/v1/credentials/{credentialId}/rollback", THEIRS).body(|_| json!({"version": 1})),
    row("PATCH", "/v1/credentials/{credentialId}", THEIRS).body(|_| json!({"name": "mine"})),
    row("DELETE", "/v1/credentials/{credentialId}", THEIRS),
    row("POST", "/v1/credentials/{credentialId}/shares", THEIRS).body(to_use),
    row("GET", "/v1/credentials/{credentialId}/shares", THEIRS),
    row(
        "DELETE",
        "/v1/credentials/{credentialId}/shares/{shareId}",
        THEIRS,
    ),
    row("GET", "/v1/credentials/shared", mine(200)),
    row("DELETE", "/v1/credentials/shared/{shareId}", THEIRS),
    row("POST", "/v1/proxy/explain", mine(200))
        .body(|_| json!({"url": "https://api.example.com/", "method": "GET"})),
    row("GET", "/v1/users/org", mine(200)),
    row("GET", "/v1/users/me", mine(200)).scoped(200),
    // After the end of every log: each call of this test adds to one.
    row("GET", "/audit", ROOT)
        .query("?after=1000000000")
        .foreign_admin(200),
    row("GET", "/admin/orgs", ROOT),
    row("POST", "/admin/orgs", ROOT)
        .body(|_| json!({"name": "new"}))
        .root(201),
    row("GET", "/admin/orgs/{orgId}", ADMIN_OR_ROOT),
    row("GET", "/admin/orgs/{orgId}/users", ADMIN_OR_ROOT),
    row("POST", "/admin/orgs/{orgId}/users", ADMIN)
        .body(|_| json!({"name": "new", "isAdmin": true})),
    row("GET", "/admin/orgs/{orgId}/users/{userId}", ADMIN_OR_ROOT),
    row("PATCH", "/admin/orgs/{orgId}/users/{userId}", ADMIN).body(|_| json!({"disabled": true})),
    row("DELETE", "/admin/orgs/{orgId}/users/{userId}", ADMIN),
    row(
        "POST",
        "/admin/orgs/{orgId}/users/{userId}/apikey/rotate",
        ADMIN,
    )
    .body(|_| json!({})),
    row("GET", "/admin/orgs/{orgId}/users/{userId}/apikeys", ADMIN),
    row("POST", "/admin/orgs/{orgId}/users/{userId}/apikeys", ADMIN).body(|_| json!({})),
    row(
        "DELETE",
        "/admin/orgs/{orgId}/users/{userId}/apikeys/{apiKeyId}",
        ADMIN,
    ),
    row("GET", "/v1/files", mine(200)),
    row("GET", "/v1/files/{fileId}", THEIRS),
    row("DELETE", "/v1/files/{fileId}", THEIRS),
    row("POST", "/v1/files/{fileId}/shares", THEIRS).body(to_the_recipient),
    row("GET", "/v1/files/{fileId}/shares", THEIRS),
    row("DELETE", "/v1/files/{fileId}/shares/{shareId}", THEIRS),
    row("GET", "/v1/files/shared", mine(200)),
    row("GET", "/v1/files/shared/{shareId}", THEIRS),
    row("DELETE", "/v1/files/shared/{shareId}", THEIRS),
    row("POST", "/v1/files", mine(201))
        .body(|ids| json!({"fileName": ids["key"], "contentB64": "", "contentType": "text/plain"})),
    row("GET", "/v1/tokens", mine(200)),
    row("DELETE", "/v1/tokens/{tokenId}", THEIRS),
    row("POST", "/v1/tokens", mine(201)).body(|ids| json!({"ttlSeconds": 60, "kv": [ids["key"]]})),
    row("GET", "/v1/apikeys", mine(200)),
    row("DELETE", "/v1/apikeys/{apiKeyId}", THEIRS),
    row("POST", "/v1/apikeys", mine(201)).body(|_| json!({})),
    row("POST", "/v1/credentials", mine(201))
        .body(|ids| json!({"name": ids["key"], "hostPattern": "their.example.com", "value": "v"})),
    row("PUT", "/v1/recovery/trustees/{trusteeUserId}", THEIRS)
        .body(share_of_halves)
        .colleagues(201),
    row("PUT", "/v1/kv/{key}", mine(201)).body(|_| json!({"valueB64": ""})),
];

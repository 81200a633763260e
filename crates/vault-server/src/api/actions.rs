//! What the audit log calls each call of the API: one table over methods and route templates.
//!
//! A new route needs a row here; a test holds the table against the OpenAPI document. An
//! operation of a route without a row is recorded as [`UNLISTED`].

use http::Method;

/// A route that the table does not know.
pub const UNLISTED: &str = "unlisted";
/// A request to the proxy.
pub const PROXY: &str = "proxy.call";

/// Routes whose calls have no entry: they tell nothing of anybody.
pub const SILENT: [&str; 2] = ["/health", "/openapi.json"];

pub(crate) const ACTIONS: &[(&str, &str, &str)] = &[
    ("GET", "/audit", "audit.read"),
    ("POST", "/admin/orgs", "org.create"),
    ("GET", "/admin/orgs", "org.list"),
    ("POST", "/admin/orgs/{orgId}/users", "user.create"),
    ("GET", "/admin/orgs/{orgId}/users", "user.list"),
    ("GET", "/admin/orgs/{orgId}", "org.show"),
    ("GET", "/admin/orgs/{orgId}/users/{userId}", "user.show"),
    ("PATCH", "/admin/orgs/{orgId}/users/{userId}", "user.change"),
    (
        "DELETE",
        "/admin/orgs/{orgId}/users/{userId}",
        "user.remove",
    ),
    (
        "POST",
        "/admin/orgs/{orgId}/users/{userId}/apikey/rotate",
        "key.rotate",
    ),
    (
        "POST",
        "/admin/orgs/{orgId}/users/{userId}/apikeys",
        "key.create",
    ),
    (
        "GET",
        "/admin/orgs/{orgId}/users/{userId}/apikeys",
        "key.list",
    ),
    (
        "DELETE",
        "/admin/orgs/{orgId}/users/{userId}/apikeys/{apiKeyId}",
        "key.erase",
    ),
    ("POST", "/v1/apikeys", "key.create"),
    ("GET", "/v1/apikeys", "key.list"),
    ("DELETE", "/v1/apikeys/{apiKeyId}", "key.erase"),
    ("GET", "/v1/users/org", "user.list"),
    ("GET", "/v1/users/me", "user.me"),
    ("POST", "/v1/keys/generate", "keys.generate"),
    ("GET", "/v1/keys/status", "keys.status"),
    ("POST", "/v1/keys/rekey", "keys.rekey"),
    ("GET", "/v1/kv", "kv.list"),
    ("PUT", "/v1/kv/{key}", "kv.write"),
    ("GET", "/v1/kv/{key}", "kv.read"),
    ("DELETE", "/v1/kv/{key}", "kv.delete"),
    ("POST", "/v1/kv/{key}/undelete", "kv.undelete"),
    ("GET", "/v1/kv/{key}/versions", "kv.versions"),
    ("POST", "/v1/kv/{key}/rollback", "kv.rollback"),
    ("POST", "/v1/kv/batch-get", "kv.read_many"),
    ("POST", "/v1/kv/{key}/shares", "share.create"),
    ("GET", "/v1/kv/{key}/shares", "share.list"),
    ("DELETE", "/v1/kv/{key}/shares/{shareId}", "share.revoke"),
    ("GET", "/v1/kv/shared", "share.inbox"),
    ("GET", "/v1/kv/shared/{shareId}", "share.read"),
    ("DELETE", "/v1/kv/shared/{shareId}", "share.leave"),
    ("POST", "/v1/credentials", "credential.create"),
    ("GET", "/v1/credentials", "credential.list"),
    ("GET", "/v1/credentials/{credentialId}", "credential.show"),
    (
        "PATCH",
        "/v1/credentials/{credentialId}",
        "credential.change",
    ),
    (
        "DELETE",
        "/v1/credentials/{credentialId}",
        "credential.delete",
    ),
    (
        "PUT",
        "/v1/credentials/{credentialId}/value",
        "credential.rotate",
    ),
    (
        "POST",
        "/v1/credentials/{credentialId}/rollback",
        "credential.rollback",
    ),
    (
        "POST",
        "/v1/credentials/{credentialId}/shares",
        "share.create",
    ),
    ("GET", "/v1/credentials/{credentialId}/shares", "share.list"),
    (
        "DELETE",
        "/v1/credentials/{credentialId}/shares/{shareId}",
        "share.revoke",
    ),
    ("GET", "/v1/credentials/shared", "share.inbox"),
    ("DELETE", "/v1/credentials/shared/{shareId}", "share.leave"),
    ("POST", "/v1/files", "file.create"),
    ("GET", "/v1/files", "file.list"),
    ("GET", "/v1/files/{fileId}", "file.read"),
    ("DELETE", "/v1/files/{fileId}", "file.delete"),
    ("POST", "/v1/files/{fileId}/shares", "share.create"),
    ("GET", "/v1/files/{fileId}/shares", "share.list"),
    (
        "DELETE",
        "/v1/files/{fileId}/shares/{shareId}",
        "share.revoke",
    ),
    ("GET", "/v1/files/shared", "share.inbox"),
    ("GET", "/v1/files/shared/{shareId}", "share.read"),
    ("DELETE", "/v1/files/shared/{shareId}", "share.leave"),
    ("GET", "/v1/keys/private", "keys.private"),
    ("POST", "/v1/keys/rotate", "keys.rotate"),
    ("POST", "/v1/tokens", "token.create"),
    ("GET", "/v1/tokens", "token.list"),
    ("DELETE", "/v1/tokens/{tokenId}", "token.revoke"),
    (
        "PUT",
        "/v1/recovery/trustees/{trusteeUserId}",
        "recovery.entrust",
    ),
    ("GET", "/v1/recovery/trustees", "recovery.trustees"),
    (
        "DELETE",
        "/v1/recovery/trustees/{trusteeUserId}",
        "recovery.withdraw",
    ),
    ("GET", "/v1/recovery/owners", "recovery.owners"),
    ("GET", "/v1/recovery/owners/{ownerUserId}", "recovery.read"),
    (
        "POST",
        "/v1/recovery/restore/{ownerUserId}",
        "recovery.restore",
    ),
    ("GET", "/v1/recovery/restores", "recovery.restores"),
    (
        "DELETE",
        "/v1/recovery/restores/{restoreId}",
        "recovery.veto",
    ),
    (
        "POST",
        "/v1/recovery/restores/{restoreId}/activate",
        "recovery.activate",
    ),
    ("POST", "/v1/proxy/explain", "proxy.explain"),
];

/// The name of an operation.
#[must_use]
pub fn action_of(method: &Method, template: &str) -> &'static str {
    let row = ACTIONS
        .iter()
        .find(|(known, route, _)| *known == method.as_str() && *route == template);
    row.map_or(UNLISTED, |(_, _, action)| action)
}

//! What Sealgate needs before it can do the job: a user, a credential and an access token.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

/// Opens the credential; the token is made with it and then stands for it.
const PASSPHRASE: &str = "the passphrase of the benchmark";
/// Lives longer than any run.
const TOKEN_SECONDS: u32 = 24 * 60 * 60;

/// The key of the first organisation's admin and the address, from the words of a first start.
pub(crate) fn greeted(
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
) -> (String, SocketAddr) {
    let mut key = None;
    for line in lines {
        let line = line.unwrap();
        if let Some(shown) = line.strip_prefix("API key:") {
            key = Some(shown.trim().to_owned());
        }
        if let (Some(key), Some((_, rest))) = (&key, line.split_once("http://")) {
            let address = rest.split('/').next().unwrap();
            return (key.clone(), address.parse().unwrap());
        }
    }
    panic!("the server did not greet");
}

/// An access token of a fresh user, for one credential with this `Authorization` and origin.
pub(crate) fn token(
    address: SocketAddr,
    admin_key: &str,
    origin: &str,
    authorization: &str,
) -> String {
    let admin = [("X-Api-Key", admin_key)];
    let org = call(address, "GET", "/v1/users/me", &admin, None)["orgId"].clone();
    let users = format!("/admin/orgs/{}/users", org.as_str().unwrap());
    let user = json!({"name": "caller", "isAdmin": false});
    let user = call(address, "POST", &users, &admin, Some(&user));
    let key = user["apiKey"].as_str().unwrap();
    let caller = [("X-Api-Key", key), ("X-Proxy-Master-Key", PASSPHRASE)];
    let value = authorization.strip_prefix("Bearer ").unwrap();
    let credential = json!({"name": "upstream", "hostPattern": origin, "value": value});
    let credential = call(
        address,
        "POST",
        "/v1/credentials",
        &caller,
        Some(&credential),
    );
    let token = json!({
        "ttlSeconds": TOKEN_SECONDS,
        "credentials": [credential["credentialId"]],
    });
    let token = call(address, "POST", "/v1/tokens", &caller, Some(&token));
    token["token"].as_str().unwrap().to_owned()
}

/// One call of the API, which must succeed.
fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Value {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += "Content-Type: application/json\r\n";
    }
    request += &format!(
        "Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    assert!(status.starts_with('2'), "{method} {path}: {status} {body}");
    serde_json::from_str(body).unwrap()
}

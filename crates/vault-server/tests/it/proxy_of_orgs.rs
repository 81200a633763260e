//! Networks that one organisation alone may dial.

use uuid::Uuid;

use super::support::{KEY_A, KEY_B, TestServer};
use super::upstream::RawUpstream;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[tokio::test]
async fn a_network_of_one_organisation_is_shut_to_the_others() {
    let (upstream, _seen) = RawUpstream::answering(OK).await;
    let organisation_a = Uuid::from_bytes([1; 16]);
    let server = TestServer::start(|config| {
        config.egress.allow_loopback = false;
        config.egress.http_hosts = vec!["127.0.0.1".to_owned()];
        let network = format!("{organisation_a}:127.0.0.0/8");
        config.egress.networks_of_orgs = vec![network.parse().unwrap()];
    })
    .await;
    let url = upstream.url("/");
    for _ in 0..2 {
        let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", url.as_str())];
        let answer = server.request("GET", "/", &headers).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let headers = [("X-Api-Key", KEY_B), ("X-Target-URL", url.as_str())];
        let refused = server.request("GET", "/", &headers).await;
        refused.is_problem(403, "target_forbidden");
    }
}

#[test]
fn what_names_no_organisation_is_refused() {
    use vault_server::config::OrgNetwork;
    for wrong in ["", "10.0.0.0/8", "a:10.0.0.0/8", "::1"] {
        assert!(wrong.parse::<OrgNetwork>().is_err(), "{wrong}");
    }
}

//! Connections over real sockets on loopback, with resolvers that mean harm.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use credential_injector::DnsName;
use credential_injector::egress::{
    AddressPolicy, ConnectLimits, EgressConnector, EgressError, OwnListeners,
    RESOLVED_ADDRESSES_MAX, ResolveError, Resolver, SystemResolver,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{ScriptedResolver, loopback_target, target};

fn policy(entries: &[&str]) -> Arc<AddressPolicy> {
    Arc::new(
        entries
            .iter()
            .fold(AddressPolicy::deny_special(), |policy, entry| {
                policy.allow(entry.parse().unwrap()).unwrap()
            }),
    )
}

fn connector(answers: &[&[&str]], allowed: &[&str]) -> (EgressConnector, Arc<ScriptedResolver>) {
    let resolver = Arc::new(ScriptedResolver::new(answers));
    (
        EgressConnector::new(resolver.clone(), policy(allowed)),
        resolver,
    )
}

/// Listens on the same port of each address, so that only the address tells them apart.
async fn listen_on<const N: usize>(ips: [&str; N]) -> ([TcpListener; N], u16) {
    loop {
        let first = TcpListener::bind((ips[0], 0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut listeners = vec![first];
        for ip in &ips[1..] {
            listeners.extend(TcpListener::bind((*ip, port)).await);
        }
        if let Ok(all) = listeners.try_into() {
            return (all, port);
        }
    }
}

/// Whether nobody has connected: connections are accepted in their order, so one made now
/// comes first only if none came before.
async fn is_untouched(listener: &TcpListener) -> bool {
    let own = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (_, peer) = listener.accept().await.unwrap();
    peer == own.local_addr().unwrap()
}

#[tokio::test]
async fn the_checked_address_is_the_one_dialled() {
    let ([listener], port) = listen_on(["127.0.0.1"]).await;
    let (connector, resolver) = connector(&[&["127.0.0.1"]], &["127.0.0.1/32"]);
    let target = target(&format!("https://api.example.com:{port}/"));
    let mut stream = connector.connect(&target).await.unwrap();
    assert_eq!(
        stream.peer_addr().unwrap(),
        SocketAddr::from(([127, 0, 0, 1], port))
    );
    assert!(stream.nodelay().unwrap());
    assert_eq!(resolver.take_asked(), ["api.example.com"]);

    let (mut accepted, _) = listener.accept().await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut read = [0; 4];
    accepted.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ping");
}

#[tokio::test]
async fn an_answer_that_changes_is_judged_anew() {
    let ([open, closed], port) = listen_on(["127.0.0.1", "127.0.0.2"]).await;
    let (connector, resolver) = connector(&[&["127.0.0.1"], &["127.0.0.2"]], &["127.0.0.1/32"]);
    let target = target(&format!("https://rebind.example:{port}/"));

    let stream = connector.connect(&target).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap().ip().to_string(), "127.0.0.1");
    // Asked once: a second question in the same call would already have got the other answer.
    assert_eq!(resolver.take_asked().len(), 1);
    open.accept().await.unwrap();

    let refused = connector.connect(&target).await.unwrap_err();
    assert!(matches!(refused, EgressError::Forbidden { block, .. } if block.name == "loopback"));
    assert_eq!(resolver.take_asked().len(), 1);
    assert!(is_untouched(&closed).await && is_untouched(&open).await);
}

#[tokio::test]
async fn one_forbidden_address_refuses_the_whole_answer() {
    let ([listener], port) = listen_on(["127.0.0.1"]).await;
    for (answer, name) in [
        (&["127.0.0.1", "10.0.0.1"][..], "private use"),
        (&["10.0.0.1", "127.0.0.1"], "private use"),
        (
            &["127.0.0.1", "8.8.8.8", "169.254.169.254"],
            "metadata service",
        ),
        (&["127.0.0.1", "fe80::1"], "link-local"),
        (&["127.0.0.1", "::ffff:10.0.0.1"], "private use"),
        (&["127.0.0.1", "64:ff9b::a00:1"], "private use"),
        (&["127.0.0.1", "2002:a00:1::"], "6to4"),
    ] {
        let (connector, _) = connector(&[answer], &["127.0.0.1/32"]);
        let target = target(&format!("https://mixed.example:{port}/"));
        match connector.connect(&target).await.unwrap_err() {
            EgressError::Forbidden { block, .. } => assert_eq!(block.name, name, "{answer:?}"),
            other => panic!("{answer:?}: {other}"),
        }
        assert!(is_untouched(&listener).await, "{answer:?}");
    }
}

#[tokio::test]
async fn literal_addresses_are_judged_without_a_question() {
    let ([listener], port) = listen_on(["127.0.0.1"]).await;
    let (closed, resolver) = connector(&[&["127.0.0.1"]], &[]);
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
    ] {
        let target = target(&format!("https://{host}:{port}/"));
        let refused = closed.connect(&target).await.unwrap_err();
        assert!(
            matches!(refused, EgressError::Forbidden { .. }),
            "{host}: {refused}"
        );
    }
    assert!(resolver.take_asked().is_empty());
    assert!(is_untouched(&listener).await);

    let open = EgressConnector::new(
        resolver.clone(),
        Arc::new(AddressPolicy::deny_special().allow_loopback()),
    );
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]"] {
        let target = loopback_target(&format!("http://{host}:{port}/"));
        open.connect(&target)
            .await
            .unwrap_or_else(|e| panic!("{host}: {e}"));
    }
}

#[tokio::test]
async fn addresses_are_tried_in_order() {
    // 127.0.0.3 has no listener on the port and refuses at once.
    let ([listener, second], port) = listen_on(["127.0.0.1", "127.0.0.2"]).await;
    let (connector, _) = connector(
        &[&["127.0.0.3", "127.0.0.2", "127.0.0.1"]],
        &["127.0.0.0/8"],
    );
    let target = target(&format!("https://several.example:{port}/"));
    let stream = connector.connect(&target).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap().ip().to_string(), "127.0.0.2");
    second.accept().await.unwrap();
    assert!(is_untouched(&listener).await);
}

#[tokio::test]
async fn a_socket_connected_elsewhere_is_refused() {
    // The kernel takes 0.0.0.0 for loopback: an entry for the one does not admit the other.
    let ([_listener], port) = listen_on(["127.0.0.1"]).await;
    let (connector, _) = connector(&[&["0.0.0.0"]], &["0.0.0.0/32"]);
    let target = target(&format!("https://zero.example:{port}/"));
    let refused = connector.connect(&target).await.unwrap_err();
    assert!(matches!(refused, EgressError::PeerMismatch), "{refused}");
}

#[tokio::test]
async fn no_listener_is_a_connect_error() {
    let ([listener], port) = listen_on(["127.0.0.1"]).await;
    drop(listener);
    let (connector, _) = connector(&[&["127.0.0.1"]], &["127.0.0.0/8"]);
    let target = target(&format!("https://nobody.example:{port}/"));
    let refused = connector.connect(&target).await.unwrap_err();
    assert!(matches!(refused, EgressError::Connect(_)), "{refused}");
}

#[tokio::test]
async fn answers_are_bounded() {
    let target = target("https://many.example/");
    let (none, _) = connector(&[&[]], &[]);
    let empty = none.connect(&target).await.unwrap_err();
    assert!(
        matches!(empty, EgressError::Resolve(ResolveError::NoAddress)),
        "{empty}"
    );

    let many = vec!["8.8.8.8"; RESOLVED_ADDRESSES_MAX + 1];
    let (flooded, _) = connector(&[&many], &[]);
    let refused = flooded.connect(&target).await.unwrap_err();
    assert!(
        matches!(
            refused,
            EgressError::Resolve(ResolveError::TooManyAddresses)
        ),
        "{refused}"
    );
}

/// Never answers.
struct Silent;

#[async_trait]
impl Resolver for Silent {
    async fn resolve(&self, _: &DnsName) -> Result<Vec<std::net::IpAddr>, ResolveError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_resolver_ends_with_the_limits() {
    let target = target("https://silent.example/");
    let connector = EgressConnector::new(Arc::new(Silent), policy(&[]));
    let late = connector.connect(&target).await.unwrap_err();
    assert!(
        matches!(late, EgressError::Resolve(ResolveError::TimedOut)),
        "{late}"
    );

    let short = ConnectLimits {
        total: Duration::from_secs(1),
        ..ConnectLimits::default()
    };
    let late = connector
        .with_limits(short)
        .connect(&target)
        .await
        .unwrap_err();
    assert!(matches!(late, EgressError::TimedOut), "{late}");
}

#[tokio::test]
async fn the_system_resolver_knows_localhost_and_not_an_invalid_name() {
    let ([_listener], port) = listen_on(["127.0.0.1"]).await;
    let open = EgressConnector::new(
        Arc::new(SystemResolver::new()),
        Arc::new(AddressPolicy::deny_special().allow_loopback()),
    );
    let localhost = loopback_target(&format!("http://localhost:{port}/"));
    assert!(
        open.connect(&localhost)
            .await
            .unwrap()
            .peer_addr()
            .unwrap()
            .ip()
            .is_loopback()
    );

    // RFC 6761, section 6.4: never resolves.
    let refused = open
        .connect(&target("https://name.invalid/"))
        .await
        .unwrap_err();
    assert!(matches!(refused, EgressError::Resolve(_)), "{refused}");
}

#[tokio::test]
async fn the_servers_own_listeners_are_recognised() {
    let ([listener], port) = listen_on(["127.0.0.1"]).await;
    let own = |listening: &str| OwnListeners::new([listening.parse::<SocketAddr>().unwrap()]);
    for (listening, answer, expected) in [
        (format!("127.0.0.1:{port}"), "127.0.0.1", true),
        (format!("127.0.0.1:{port}"), "::ffff:127.0.0.1", true),
        (format!("127.0.0.1:{port}"), "0.0.0.0", true),
        (format!("127.0.0.1:{port}"), "127.0.0.2", false),
        (format!("0.0.0.0:{port}"), "127.0.0.1", true),
        (format!("[::]:{port}"), "127.0.0.1", true),
        (format!("[::]:{port}"), "::1", true),
        (format!("192.0.2.7:{port}"), "192.0.2.7", true),
        (format!("192.0.2.7:{port}"), "192.0.2.8", false),
        (format!("0.0.0.0:{}", port ^ 1), "127.0.0.1", false),
    ] {
        let target = target(&format!("https://self.example:{port}/"));
        let (connector, _) = connector(&[&[answer]], &["127.0.0.0/8"]);
        let connector = connector.with_own_listeners(own(&listening));
        let found = connector.is_own_listener(&target).await.unwrap();
        assert_eq!(found, expected, "{listening} {answer}");
        if expected {
            let refused = connector.connect(&target).await.unwrap_err();
            assert!(
                matches!(refused, EgressError::OwnListener),
                "{listening} {answer}: {refused}"
            );
        }
    }
    assert!(is_untouched(&listener).await);
}

#[tokio::test]
async fn a_loop_over_another_interface_is_seen_after_connecting() {
    // Asks the kernel for the own address on the way out; sends nothing.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    if probe.connect("192.0.2.1:9").is_err() {
        return; // No interface but loopback, which the test above covers.
    }
    let ip = probe.local_addr().unwrap().ip().to_string();
    let ([_listener], port) = listen_on(["0.0.0.0"]).await;
    let (connector, _) = connector(&[&[&ip]], &[&ip]);
    let target = target(&format!("https://self.example:{port}/"));
    connector.connect(&target).await.unwrap();
    let own = OwnListeners::new([SocketAddr::from(([0, 0, 0, 0], port))]);
    let refused = connector.with_own_listeners(own).connect(&target).await;
    assert!(
        matches!(refused, Err(EgressError::OwnListener)),
        "{refused:?}"
    );
}

#[test]
fn a_listener_on_all_interfaces_is_seen_from_the_connection() {
    let own = OwnListeners::new([SocketAddr::from(([0, 0, 0, 0], 8080))]);
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert!(own.is_loop(address("198.51.100.1:50000"), address("198.51.100.1:8080")));
    assert!(!own.is_loop(address("198.51.100.1:50000"), address("198.51.100.1:8081")));
    assert!(!own.is_loop(address("198.51.100.1:50000"), address("198.51.100.2:8080")));
}

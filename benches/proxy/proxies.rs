//! The proxies under test: how each is told to do the job, and how it is started and ended.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::upstream::{SECRET, Upstream};
use crate::{PROXY_CORE, process, vault};

/// Keys in the map of nginx and HAProxy.
const KEYS: usize = 1_000;
/// Kept upstream connections, where that is configured.
const KEPT: usize = 64;

/// A way to have the job done.
pub(crate) struct Job {
    name: &'static str,
    program: PathBuf,
    start: fn(&Job, &Upstream, bool) -> Proxy,
}

/// A proxy that runs, or the direct way.
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// Header lines that the caller sends.
    headers: String,
    child: Option<Child>,
    pids: Vec<u32>,
    _directory: Option<tempfile::TempDir>,
}

impl Job {
    /// Everything that is installed, Sealgate first.
    pub(crate) fn all() -> Vec<Self> {
        let path = std::env::var_os("SEALGATE_BIN");
        let path = path.map_or_else(|| PathBuf::from("target/release/sealgate"), Into::into);
        assert!(path.exists(), "{}: build it first", path.display());
        let jobs = [
            Self {
                name: "Sealgate",
                program: path,
                start: sealgate,
            },
            // Two builds beside each other.
            Self {
                name: "other Sealgate",
                program: std::env::var_os("SEALGATE_OTHER_BIN")
                    .unwrap_or_default()
                    .into(),
                start: sealgate,
            },
            Self {
                name: "nginx",
                program: "/usr/sbin/nginx".into(),
                start: nginx,
            },
            Self {
                name: "HAProxy",
                program: "/usr/sbin/haproxy".into(),
                start: haproxy,
            },
        ];
        jobs.into_iter()
            .filter(|job| job.program.exists())
            .collect()
    }

    /// Starts it and waits until it takes connections.
    pub(crate) async fn start(&self, upstream: &Upstream, tls: bool) -> Option<Proxy> {
        let mut proxy = (self.start)(self, upstream, tls);
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(proxy.address).await.is_ok() {
                proxy.find_pids();
                return Some(proxy);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("{} does not start and takes no part", self.name);
        None
    }

    /// The program, on the proxy's core.
    fn command(&self) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", PROXY_CORE]).arg(&self.program);
        command.stderr(Stdio::null());
        command
    }
}

impl Proxy {
    /// The way without a proxy.
    pub(crate) fn none(address: SocketAddr, headers: String) -> Self {
        Self {
            name: "direct",
            address,
            headers,
            child: None,
            pids: Vec::new(),
            _directory: None,
        }
    }

    fn running(
        job: &Job,
        address: SocketAddr,
        headers: String,
        child: Child,
        directory: tempfile::TempDir,
    ) -> Self {
        Self {
            name: job.name,
            address,
            headers,
            child: Some(child),
            pids: Vec::new(),
            _directory: Some(directory),
        }
    }

    fn find_pids(&mut self) {
        // taskset becomes the program, so its pid is the program's.
        self.pids = self.child.iter().map(Child::id).collect();
        let workers: Vec<u32> = self
            .pids
            .iter()
            .flat_map(|pid| process::children(*pid))
            .collect();
        self.pids.extend(workers);
    }

    pub(crate) fn pids(&self) -> &[u32] {
        &self.pids
    }

    pub(crate) fn cpu(&self) -> Duration {
        process::cpu(&self.pids)
    }

    pub(crate) fn resident(&self) -> u64 {
        process::resident(&self.pids)
    }

    /// The caller's bytes.
    pub(crate) fn request(&self, method: &str, path: &str, more: &str) -> Vec<u8> {
        let headers = self.headers.replace("{path}", path);
        format!("{method} {path} HTTP/1.1\r\nHost: proxy\r\n{headers}{more}\r\n").into_bytes()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // TERM, so that nginx takes its worker along.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

/// A user of an organisation, who calls with an access token for one credential.
fn sealgate(job: &Job, upstream: &Upstream, tls: bool) -> Proxy {
    let directory = tempfile::tempdir().unwrap();
    let mut command = job.command();
    command
        .args(["serve", "--dev", "--listen", "127.0.0.1:0"])
        .args(["--workers", "1"])
        .args(["--connections-max", "12000"])
        .args(["--connections-per-peer-max", "12000"])
        .args(["--connections-per-peer-per-second", "100000"])
        .arg("--data-dir")
        .arg(directory.path().join("data"))
        .arg("--extra-ca-file")
        .arg(&upstream.ca_file)
        .env("SEALGATE_LOG", "warn")
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (admin_key, address) = vault::greeted(&mut lines);
    // The pipe stays drained, so that the server never waits for us.
    std::thread::spawn(move || lines.count());
    let (scheme, port) = if tls {
        ("https", upstream.tls.port())
    } else {
        ("http", upstream.plain.port())
    };
    let origin = format!("localhost:{port}");
    let token = vault::token(address, &admin_key, &origin, SECRET);
    let headers = format!("X-Api-Key: {token}\r\nX-Target-URL: {scheme}://{origin}{{path}}\r\n");
    Proxy::running(job, address, headers, child, directory)
}

fn key(n: usize) -> String {
    format!("bench_key_{n:032}")
}

fn caller() -> String {
    format!("X-Api-Key: {}\r\n", key(KEYS / 2))
}

/// A port that is free now.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn nginx(job: &Job, upstream: &Upstream, tls: bool) -> Proxy {
    let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
    let here = directory.path().display();
    let map: String = (0..KEYS).map(|n| format!("{} 1;\n", key(n))).collect();
    let (scheme, server) = if tls {
        ("https", upstream.tls)
    } else {
        ("http", upstream.plain)
    };
    let config = format!(
        "worker_processes 1; pid {here}/pid; error_log /dev/null; daemon off;
events {{ worker_connections 20000; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; tcp_nodelay on;
client_max_body_size 0; map_hash_max_size 4096; map_hash_bucket_size 128;
client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
map $http_x_api_key $known {{ default 0; {map} }}
upstream up {{ server {server}; keepalive {KEPT}; keepalive_requests 1000000000; }}
server {{ listen {address} backlog=4096; location / {{ if ($known = 0) {{ return 401; }}
proxy_pass {scheme}://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header X-Api-Key \"\";
proxy_set_header Authorization \"{SECRET}\"; proxy_request_buffering off; proxy_buffering on; proxy_max_temp_file_size 0;
proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca}; proxy_ssl_name localhost; proxy_ssl_server_name on;
proxy_ssl_protocols TLSv1.3; }} }} }}",
        ca = upstream.ca_file.display(),
    );
    let file = directory.path().join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let child = job.command().arg("-c").arg(&file).spawn().unwrap();
    Proxy::running(job, address, caller(), child, directory)
}

fn haproxy(job: &Job, upstream: &Upstream, tls: bool) -> Proxy {
    let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
    let keys: String = (0..KEYS).map(|n| key(n) + "\n").collect();
    let list = directory.path().join("keys");
    std::fs::write(&list, keys).unwrap();
    let (server, options) = if tls {
        let ca = upstream.ca_file.display();
        let options =
            format!(" ssl verify required ca-file {ca} sni str(localhost) verifyhost localhost");
        (upstream.tls, options)
    } else {
        (upstream.plain, String::new())
    };
    let config = format!(
        "global
  maxconn 12000
  no strict-limits
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  http-reuse always
frontend in
  bind {address} backlog 4096
  http-request deny deny_status 401 unless {{ req.hdr(x-api-key) -f {list} }}
  http-request del-header x-api-key
  http-request set-header authorization \"{SECRET}\"
  default_backend up
backend up
  server one {server} pool-max-conn {KEPT}{options}
",
        list = list.display(),
    );
    let file = directory.path().join("haproxy.cfg");
    std::fs::write(&file, config).unwrap();
    let child = job.command().arg("-f").arg(&file).spawn().unwrap();
    Proxy::running(job, address, caller(), child, directory)
}

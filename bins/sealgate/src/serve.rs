//! `sealgate serve`: flags and environment to a [`Config`], then the server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hardened_crypto::user_secret::PassphraseCost;
use vault_server::config::{
    AuditConfig, BootstrapSource, ClientIdentity, Config, ConfigError, DATA_DIR_DEFAULT, EchoScrub,
    Egress, FirstOrg, LISTEN_DEFAULT, Limits, LogFormat, OrgNetwork, RootKeySource,
    SubstringPatterns, TlsFiles, defaults,
};
use vault_server::vault::audit::WhenUnavailable;
use vault_server::vault::limits::{self as vault_limits, VaultLimits};

/// The variable that holds the root key when nothing else is named.
const ROOT_KEY_VARIABLE: &str = "SEALGATE_ROOT_KEY";

/// What is said on standard error before a development server starts.
const DEV_WARNING: &str = "\
*** DEVELOPMENT MODE ***
Listening on loopback only. Targets on loopback may be reached, also with plain http.
Do not put real secrets into this server.
";

/// What is said on standard error where `contains:` patterns are accepted.
const CONTAINS_WARNING: &str = "\
*** contains: PATTERNS ARE ENABLED ***
A credential for contains:stripe is sent to every host whose name contains \"stripe\", also to
stripe.attacker.example. Whoever chooses the target can thus collect it. Use *.stripe.com instead.
";

/// Options of `serve`. Each may also come from the environment; a flag wins.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Development rules: loopback addresses only, loopback targets and http to them allowed.
    #[arg(long, env = "SEALGATE_DEV")]
    dev: bool,

    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, env = "SEALGATE_LISTEN", default_value_t = LISTEN_DEFAULT)]
    listen: SocketAddr,

    /// Directory of the database and of the root key.
    #[arg(long, env = "SEALGATE_DATA_DIR", default_value = DATA_DIR_DEFAULT)]
    data_dir: PathBuf,

    /// File with the root key, instead of `root.key` in the data directory.
    #[arg(long, env = "SEALGATE_ROOT_KEY_FILE")]
    root_key_file: Option<PathBuf>,

    /// Name of an environment variable that holds the root key, instead of a file.
    #[arg(
        long,
        env = "SEALGATE_ROOT_KEY_VARIABLE",
        conflicts_with = "root_key_file"
    )]
    root_key_variable: Option<String>,

    /// PEM file with the listener's certificate chain, leaf first. Without it: plain HTTP.
    #[arg(long, env = "SEALGATE_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// PEM file with the private key of the certificate.
    #[arg(long, env = "SEALGATE_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Worker threads, each with its own listener; default one per core.
    #[arg(long, env = "SEALGATE_WORKERS")]
    workers: Option<usize>,

    /// Shape of log lines on standard error. SEALGATE_LOG sets the filter, default `info`.
    #[arg(long, env = "SEALGATE_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    bootstrap: BootstrapArgs,

    #[command(flatten)]
    egress: EgressArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    vault: VaultArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One line of text per event.
    Text,
    /// One JSON object per line.
    Json,
}

/// What becomes of the audit log.
#[derive(Debug, Args)]
#[command(next_help_heading = "Audit")]
struct AuditArgs {
    /// File that checkpoints are appended to, instead of `audit-checkpoints` in the data directory.
    #[arg(long, env = "SEALGATE_AUDIT_CHECKPOINTS")]
    audit_checkpoints: Option<PathBuf>,

    /// What happens to calls that cannot be recorded, for example on a full disk.
    #[arg(long, env = "SEALGATE_AUDIT_UNAVAILABLE", value_enum, default_value_t = Unrecorded::Refuse)]
    audit_unavailable: Unrecorded,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Unrecorded {
    /// They are refused.
    Refuse,
    /// They are served, and may stay without an entry.
    Serve,
}

/// Costs that a passphrase can be hashed at.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Cost {
    /// 19 MiB, 2 passes.
    Default,
    /// 64 MiB, 3 passes.
    Strong,
}

/// What a start on an empty data directory makes, once. Later starts change nothing.
///
/// A key file that exists holds the API key to use and must have mode 0600; one that does not
/// exist is made, with a new key. Secrets themselves are never given here.
#[derive(Debug, Args)]
#[command(next_help_heading = "First start")]
struct BootstrapArgs {
    /// JSON file with organisation, admin, adminApiKeyFile and, if wanted, rootApiKeyFile.
    #[arg(long, env = "SEALGATE_BOOTSTRAP_FILE", conflicts_with_all = ["bootstrap_organisation", "dev"])]
    bootstrap_file: Option<PathBuf>,

    /// Name of the first organisation.
    #[arg(
        long,
        env = "SEALGATE_BOOTSTRAP_ORGANISATION",
        requires = "bootstrap_admin",
        conflicts_with = "dev"
    )]
    bootstrap_organisation: Option<String>,

    /// Name of its admin.
    #[arg(
        long,
        env = "SEALGATE_BOOTSTRAP_ADMIN",
        requires = "bootstrap_admin_api_key_file"
    )]
    bootstrap_admin: Option<String>,

    /// File of the admin's API key: read if it exists, made otherwise.
    #[arg(
        long,
        env = "SEALGATE_BOOTSTRAP_ADMIN_API_KEY_FILE",
        requires = "bootstrap_organisation"
    )]
    bootstrap_admin_api_key_file: Option<PathBuf>,

    /// File of the root API key, in the same way; without it root gets no key.
    #[arg(
        long,
        env = "SEALGATE_BOOTSTRAP_ROOT_API_KEY_FILE",
        requires = "bootstrap_organisation"
    )]
    bootstrap_root_api_key_file: Option<PathBuf>,
}

impl BootstrapArgs {
    fn into_source(self) -> Option<BootstrapSource> {
        let given = || {
            Some(FirstOrg {
                organisation: self.bootstrap_organisation?,
                admin: self.bootstrap_admin?,
                admin_api_key_file: self.bootstrap_admin_api_key_file?,
                root_api_key_file: self.bootstrap_root_api_key_file,
            })
        };
        match self.bootstrap_file {
            Some(file) => Some(BootstrapSource::File(file)),
            None => given().map(BootstrapSource::Given),
        }
    }
}

/// Where proxied requests may go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Egress")]
struct EgressArgs {
    /// Networks that may be dialled although they are not public, as `[host=]address[/prefix]`.
    #[arg(long, env = "SEALGATE_ALLOW_NETWORKS", value_delimiter = ',')]
    allow_networks: Vec<String>,

    /// Such networks that one organisation alone may dial, as `organisation id:[host=]address[/prefix]`.
    #[arg(long, env = "SEALGATE_ALLOW_NETWORKS_OF_ORGS", value_delimiter = ',')]
    allow_networks_of_orgs: Vec<OrgNetwork>,

    /// Hosts that may be spoken to in plain http.
    #[arg(long, env = "SEALGATE_HTTP_HOSTS", value_delimiter = ',')]
    http_hosts: Vec<String>,

    /// Let targets on loopback be reached, also with plain http. Implied by --dev.
    #[arg(long, env = "SEALGATE_ALLOW_LOOPBACK")]
    allow_loopback: bool,

    /// PEM file of certificate authorities trusted for upstreams, besides the system's.
    #[arg(long, env = "SEALGATE_EXTRA_CA_FILE")]
    extra_ca_file: Option<PathBuf>,

    /// PEM file with a certificate chain that is shown to the upstreams in --client-cert-hosts.
    #[arg(long, env = "SEALGATE_CLIENT_CERT", requires_all = ["client_key", "client_cert_hosts"])]
    client_cert: Option<PathBuf>,

    /// PEM file with the private key of that certificate.
    #[arg(long, env = "SEALGATE_CLIENT_KEY", requires = "client_cert")]
    client_key: Option<PathBuf>,

    /// Host patterns of the upstreams that may learn who is calling; nobody else is shown it.
    #[arg(
        long,
        env = "SEALGATE_CLIENT_CERT_HOSTS",
        value_delimiter = ',',
        requires = "client_cert"
    )]
    client_cert_hosts: Vec<String>,

    /// What happens to an answer that repeats the value of X-Identity-Key.
    #[arg(long, env = "SEALGATE_IDENTITY_ECHO", value_enum, default_value_t = Echo::Redact)]
    identity_echo: Echo,

    /// Let the client's Accept-Encoding travel beside a credential, although echoes in a compressed
    /// answer are not found.
    #[arg(long, env = "SEALGATE_KEEP_ACCEPT_ENCODING")]
    keep_accept_encoding: bool,

    /// Let the client's Range travel beside a credential, although an echo that is split over two
    /// ranges is not found.
    #[arg(long, env = "SEALGATE_KEEP_RANGE")]
    keep_range: bool,

    /// Names under which this server is reached; targets with such a host are refused.
    #[arg(long, env = "SEALGATE_OWN_HOSTS", value_delimiter = ',')]
    own_hosts: Vec<String>,
}

/// What happens to an echo.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Echo {
    /// It passes.
    Off,
    /// It is overwritten.
    Redact,
    /// The answer is refused or broken off.
    Refuse,
}

impl From<Echo> for EchoScrub {
    fn from(echo: Echo) -> Self {
        match echo {
            Echo::Off => Self::Off,
            Echo::Redact => Self::Redact,
            Echo::Refuse => Self::Refuse,
        }
    }
}

/// Bounds. Those without a flag have fixed defaults.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Connections open at once.
    #[arg(long, env = "SEALGATE_CONNECTIONS_MAX", default_value_t = defaults::CONNECTIONS_MAX)]
    connections_max: usize,

    /// Connections open at once from one IPv4 address or IPv6 /64.
    #[arg(long, env = "SEALGATE_CONNECTIONS_PER_PEER_MAX", default_value_t = defaults::CONNECTIONS_PER_PEER_MAX)]
    connections_per_peer_max: usize,

    /// New connections per second from one IPv4 address or IPv6 /64; bursts may be four times that.
    #[arg(long, env = "SEALGATE_CONNECTIONS_PER_PEER_PER_SECOND", default_value_t = defaults::CONNECTIONS_PER_PEER_PER_SECOND)]
    connections_per_peer_per_second: u32,

    /// Requests in flight at once, streaming answers and tunnels included. One organisation can
    /// hold half of them; where there is only one, set twice as many as it needs.
    #[arg(long, env = "SEALGATE_REQUESTS_IN_FLIGHT_MAX", default_value_t = defaults::REQUESTS_IN_FLIGHT_MAX)]
    requests_in_flight_max: usize,

    /// Bytes of one request head.
    #[arg(long, env = "SEALGATE_HEADER_BYTES_MAX", default_value_t = defaults::HEADER_BYTES_MAX)]
    header_bytes_max: usize,

    /// Bytes of the body of one API call.
    #[arg(long, env = "SEALGATE_API_BODY_BYTES_MAX", default_value_t = defaults::API_BODY_BYTES_MAX)]
    api_body_bytes_max: usize,

    /// Bytes of API bodies in memory at once, all calls together; one user can hold half of them.
    #[arg(long, env = "SEALGATE_COLLECTED_BYTES_MAX", default_value_t = defaults::COLLECTED_BYTES_MAX)]
    collected_bytes_max: usize,

    /// Bytes of the body of one proxied request.
    #[arg(long, env = "SEALGATE_PROXY_BODY_BYTES_MAX", default_value_t = defaults::PROXY_BODY_BYTES_MAX)]
    proxy_body_bytes_max: u64,

    /// Seconds to connect to an upstream.
    #[arg(long, env = "SEALGATE_PROXY_CONNECT_TIMEOUT", default_value_t = defaults::PROXY_CONNECT_TIMEOUT_SECONDS)]
    proxy_connect_timeout: u64,

    /// Seconds from the end of a request's body until an upstream's answer must begin.
    #[arg(long, env = "SEALGATE_PROXY_FIRST_BYTE_TIMEOUT", default_value_t = defaults::PROXY_FIRST_BYTE_TIMEOUT_SECONDS)]
    proxy_first_byte_timeout: u64,

    /// The most seconds that a request's X-Proxy-Timeout may ask for.
    #[arg(long, env = "SEALGATE_PROXY_FIRST_BYTE_TIMEOUT_MAX", default_value_t = defaults::PROXY_FIRST_BYTE_TIMEOUT_MAX_SECONDS)]
    proxy_first_byte_timeout_max: u64,

    /// Seconds that a streaming answer may be silent.
    #[arg(long, env = "SEALGATE_PROXY_STREAM_IDLE", default_value_t = defaults::PROXY_STREAM_IDLE_SECONDS)]
    proxy_stream_idle: u64,

    /// Seconds after which a WebSocket tunnel ends, however busy it is.
    #[arg(long, env = "SEALGATE_PROXY_TUNNEL_TOTAL", default_value_t = defaults::PROXY_TUNNEL_TOTAL_SECONDS)]
    proxy_tunnel_total: u64,

    /// Seconds that requests in flight have after the stop signal.
    #[arg(long, env = "SEALGATE_DRAIN_TIMEOUT", default_value_t = defaults::DRAIN_TIMEOUT_SECONDS)]
    drain_timeout: u64,
}

/// Bounds of what is stored and of work done for secrets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Vault")]
struct VaultArgs {
    /// Bytes of a value, decoded. In JSON it has to fit into the body of an API call, too.
    #[arg(long, env = "SEALGATE_VALUE_BYTES_MAX", default_value_t = vault_limits::VALUE_BYTES_MAX)]
    value_bytes_max: usize,

    /// Bytes of a file, which is streamed and never collected.
    #[arg(long, env = "SEALGATE_FILE_BYTES_MAX", default_value_t = vault_limits::FILE_BYTES_MAX)]
    file_bytes_max: u64,

    /// Bytes of opened values in memory at once, until their answers are sent; one user can hold
    /// half of them.
    #[arg(long, env = "SEALGATE_OPENED_BYTES_MAX", default_value_t = vault_limits::OPENED_BYTES_MAX)]
    opened_bytes_max: usize,

    /// Versions of a value that stay readable.
    #[arg(long, env = "SEALGATE_VERSIONS_KEPT", default_value_t = vault_limits::VERSIONS_KEPT)]
    versions_kept: u32,

    /// Shortest passphrase that is accepted as a new user secret, in bytes.
    #[arg(long, env = "SEALGATE_PASSPHRASE_BYTES_MIN", default_value_t = vault_limits::PASSPHRASE_BYTES_MIN)]
    passphrase_bytes_min: usize,

    /// Cost of hashing a passphrase: `default` is Argon2id with 19 MiB and 2 passes, `strong` with
    /// 64 MiB and 3. Keys under a passphrase that was hashed for less are protected anew when it is
    /// next used.
    #[arg(long, env = "SEALGATE_PASSPHRASE_COST", value_enum, default_value_t = Cost::Default)]
    passphrase_cost: Cost,

    /// Accept credentials for `contains:` host patterns, which match by accident as easily as on
    /// purpose.
    #[arg(long, env = "SEALGATE_ALLOW_CONTAINS_PATTERNS")]
    allow_contains_patterns: bool,

    /// Password hashes that run at once; default one per core.
    #[arg(long, env = "SEALGATE_HASH_THREADS")]
    hash_threads: Option<usize>,
}

/// Where the root key comes from, if not from the data directory: a flag, or else the variable
/// that is set for it.
pub(crate) fn root_key_source(
    file: Option<PathBuf>,
    variable: Option<String>,
) -> Option<RootKeySource> {
    let set = || std::env::var_os(ROOT_KEY_VARIABLE).map(|_| ROOT_KEY_VARIABLE.to_owned());
    file.map(RootKeySource::File).or_else(|| {
        variable
            .or_else(set)
            .map(RootKeySource::EnvironmentVariable)
    })
}

impl Serve {
    pub(crate) fn run(self) -> ExitCode {
        match self.serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("sealgate: {error}\n"));
                ExitCode::FAILURE
            }
        }
    }

    fn serve(self) -> Result<(), Box<dyn std::error::Error>> {
        let config = self.into_config()?;
        config.validate()?;
        let warns = config.vault.substring_patterns == SubstringPatterns::AllowedByOperator;
        vault_server::telemetry::init(config.log_format)?;
        if config.dev {
            say(DEV_WARNING);
        }
        if warns {
            say(CONTAINS_WARNING);
        }
        // Supervises only; the workers have runtimes of their own.
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(vault_server::run(config))?;
        Ok(())
    }

    fn into_config(self) -> Result<Config, ConfigError> {
        let mut config = Config::new(self.data_dir);
        config.listen = self.listen;
        config.tls = TlsFiles::from_pair(self.tls_cert.as_deref(), self.tls_key.as_deref())?;
        config.workers = self.workers;
        config.log_format = match self.log_format {
            Format::Text => LogFormat::Text,
            Format::Json => LogFormat::Json,
        };
        if let Some(source) = root_key_source(self.root_key_file, self.root_key_variable) {
            config.root_key = source;
        }
        config.audit = self.audit.into_config();
        config.bootstrap = self.bootstrap.into_source();
        config.egress = self.egress.into_egress()?;
        config.limits = self.limits.into_limits();
        config.vault = self.vault.into_limits();
        Ok(if self.dev { config.with_dev() } else { config })
    }
}

impl AuditArgs {
    fn into_config(self) -> AuditConfig {
        AuditConfig {
            checkpoint_file: self.audit_checkpoints,
            when_unavailable: match self.audit_unavailable {
                Unrecorded::Refuse => WhenUnavailable::Refuse,
                Unrecorded::Serve => WhenUnavailable::Serve,
            },
        }
    }
}

impl VaultArgs {
    fn into_limits(self) -> VaultLimits {
        VaultLimits {
            value_bytes_max: self.value_bytes_max,
            file_bytes_max: self.file_bytes_max,
            opened_bytes_max: self.opened_bytes_max,
            versions_kept: self.versions_kept,
            passphrase_bytes_min: self.passphrase_bytes_min,
            passphrase_cost: match self.passphrase_cost {
                Cost::Default => PassphraseCost::DEFAULT,
                Cost::Strong => PassphraseCost::STRONG,
            },
            hash_threads: self.hash_threads,
            substring_patterns: if self.allow_contains_patterns {
                SubstringPatterns::AllowedByOperator
            } else {
                SubstringPatterns::Refused
            },
            ..VaultLimits::default()
        }
    }
}

impl EgressArgs {
    fn into_egress(self) -> Result<Egress, ConfigError> {
        let pair = TlsFiles::from_pair(self.client_cert.as_deref(), self.client_key.as_deref())?;
        Ok(Egress {
            allowed_networks: self.allow_networks,
            http_hosts: self.http_hosts,
            allow_loopback: self.allow_loopback,
            extra_ca_file: self.extra_ca_file,
            own_hosts: self.own_hosts,
            networks_of_orgs: self.allow_networks_of_orgs,
            client_identity: pair.map(|files| ClientIdentity {
                files,
                hosts: self.client_cert_hosts,
            }),
            identity_echo_scrub: self.identity_echo.into(),
            keep_accept_encoding: self.keep_accept_encoding,
            keep_range: self.keep_range,
        })
    }
}

impl LimitArgs {
    fn into_limits(self) -> Limits {
        Limits {
            connections_max: self.connections_max,
            connections_per_peer_max: self.connections_per_peer_max,
            connections_per_peer_per_second: self.connections_per_peer_per_second,
            requests_in_flight_max: self.requests_in_flight_max,
            header_bytes_max: self.header_bytes_max,
            api_body_bytes_max: self.api_body_bytes_max,
            collected_bytes_max: self.collected_bytes_max,
            proxy_body_bytes_max: self.proxy_body_bytes_max,
            proxy_connect_timeout: Duration::from_secs(self.proxy_connect_timeout),
            proxy_first_byte_timeout: Duration::from_secs(self.proxy_first_byte_timeout),
            proxy_first_byte_timeout_max: Duration::from_secs(self.proxy_first_byte_timeout_max),
            proxy_stream_idle: Duration::from_secs(self.proxy_stream_idle),
            proxy_tunnel_total: Duration::from_secs(self.proxy_tunnel_total),
            drain_timeout: Duration::from_secs(self.drain_timeout),
            ..Limits::default()
        }
    }
}

/// Writes to standard error, where nobody may be listening.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        serve: Serve,
    }

    fn config(flags: &[&str]) -> Config {
        let line = ["sealgate"].iter().chain(flags);
        Only::try_parse_from(line)
            .unwrap()
            .serve
            .into_config()
            .unwrap()
    }

    #[test]
    fn flags_of_the_proxy_reach_the_configuration() {
        const ORG: &str = "4a2e5d18-df99-4d66-a212-3cb5d9f0f9b3";
        let plain = config(&[]);
        assert_eq!(plain.egress.identity_echo_scrub, EchoScrub::Redact);
        assert!(plain.egress.client_identity.is_none() && !plain.egress.keep_accept_encoding);
        assert!(!plain.egress.keep_range);
        assert_eq!(plain.vault.substring_patterns, SubstringPatterns::Refused);
        let network = format!("{ORG}:db.example=10.1.0.0/16");
        let set = config(&[
            "--client-cert=a.pem",
            "--client-key=a.key",
            "--client-cert-hosts=a.example,*.b.example",
            "--identity-echo=refuse",
            "--keep-accept-encoding",
            "--keep-range",
            "--proxy-tunnel-total=60",
            "--allow-contains-patterns",
            "--allow-networks-of-orgs",
            &network,
        ]);
        let identity = set.egress.client_identity.unwrap();
        assert_eq!(identity.files.certificate, PathBuf::from("a.pem"));
        assert_eq!(identity.files.key, PathBuf::from("a.key"));
        assert_eq!(identity.hosts, ["a.example", "*.b.example"]);
        assert_eq!(set.egress.identity_echo_scrub, EchoScrub::Refuse);
        assert!(set.egress.keep_accept_encoding && set.egress.keep_range);
        assert_eq!(set.limits.proxy_tunnel_total, Duration::from_secs(60));
        let patterns = set.vault.substring_patterns;
        assert_eq!(patterns, SubstringPatterns::AllowedByOperator);
        let [of_org] = &set.egress.networks_of_orgs[..] else {
            panic!("{:?}", set.egress.networks_of_orgs);
        };
        assert_eq!(of_org.network, "db.example=10.1.0.0/16");
        assert_eq!(of_org, &network.parse().unwrap());
    }

    #[test]
    fn half_of_what_belongs_together_is_refused() {
        for flags in [
            &["--client-cert=a.pem"][..],
            &["--client-key=a.key"],
            &["--client-cert=a.pem", "--client-key=a.key"],
            &["--client-cert-hosts=a.example"],
            &["--allow-networks-of-orgs=10.0.0.0/8"],
        ] {
            let line = ["sealgate"].iter().chain(flags);
            assert!(Only::try_parse_from(line).is_err(), "{flags:?}");
        }
    }
}

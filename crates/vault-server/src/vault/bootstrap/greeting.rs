//! What a development server says once it listens: keys, and lines to paste.

use std::fmt;
use std::fmt::Write;
use std::net::SocketAddr;

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::first_start::FirstKeys;

/// Room for the whole text, so that it never moves while it grows.
const TEXT_BYTES_MAX: usize = 8 * 1024;

const API_KEY_PLACEHOLDER: &str = "$SEALGATE_API_KEY";
const USER_SECRET_PLACEHOLDER: &str = "$SEALGATE_USER_SECRET";

/// The words of a development server. Holds secrets after the first start.
pub struct Greeting {
    keys: Option<FirstKeys>,
}

impl Greeting {
    pub(super) fn first(keys: FirstKeys) -> Self {
        Self { keys: Some(keys) }
    }

    pub(super) fn again() -> Self {
        Self { keys: None }
    }

    /// The text, for standard output alone.
    #[must_use]
    pub fn text(&self, address: SocketAddr, tls: bool) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX));
        let scheme = if tls { "https" } else { "http" };
        let base = format!("{scheme}://{address}");
        // Expose: shown to the operator this once.
        let (api_key, user_secret) = match &self.keys {
            Some(keys) => {
                let shown = introduce(&mut text, keys);
                shown.expect("writing to a String cannot fail");
                (
                    keys.api_key.expose_secret(),
                    keys.user_secret.expose_secret(),
                )
            }
            None => {
                text.push_str(
                    "The keys were shown once, at the first start. The lines below read them from\n\
                     SEALGATE_API_KEY and SEALGATE_USER_SECRET.\n",
                );
                (API_KEY_PLACEHOLDER, USER_SECRET_PLACEHOLDER)
            }
        };
        lines(&mut text, &base, api_key, user_secret).expect("writing to a String cannot fail");
        text
    }
}

fn introduce(text: &mut String, keys: &FirstKeys) -> fmt::Result {
    writeln!(
        text,
        "First start: an organisation \"dev\" with an admin \"dev\" was made.\n\
         Keep these; they cannot be shown again.\n\n\
         API key:      {}\n\
         User secret:  {}\n\
         Root API key: {}",
        keys.api_key.expose_secret(),
        keys.user_secret.expose_secret(),
        keys.root_key.expose_secret(),
    )
}

fn lines(text: &mut String, base: &str, api_key: &str, user_secret: &str) -> fmt::Result {
    writeln!(
        text,
        r#"
# Store a secret
curl -sS -X PUT {base}/v1/kv/db-connection -H "X-Api-Key: {api_key}" -H "Content-Type: application/json" -d '{{"valueB64":"cG9zdGdyZXM6Ly9hcHA6cGFzc0BkYjo1NDMyL21haW4="}}'

# Read it back
curl -sS {base}/v1/kv/db-connection -H "X-Api-Key: {api_key}" -H "X-User-Secret: {user_secret}"

# List names
curl -sS {base}/v1/kv -H "X-Api-Key: {api_key}"

# Call an HTTPS API with an injected credential
curl -sS {base}/ -H "X-Api-Key: {api_key}" -H "X-Target-URL: https://httpbin.org/headers" -H "X-Identity-Key: Bearer my-upstream-key"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn address() -> SocketAddr {
        "[::1]:8200".parse().unwrap()
    }

    #[test]
    fn the_first_text_holds_all_keys_and_later_ones_none() {
        let keys = FirstKeys {
            api_key: SecretString::from("sgk_one"),
            root_key: SecretString::from("sgk_two"),
            user_secret: SecretString::from("sgs_three"),
        };
        let first = Greeting::first(keys).text(address(), false);
        for shown in ["sgk_one", "sgk_two", "sgs_three", "http://[::1]:8200/v1/kv"] {
            assert!(first.contains(shown), "{shown}");
        }
        assert_eq!(
            first.matches("sgk_two").count(),
            1,
            "root is in no line to paste"
        );
        let again = Greeting::again().text(address(), true);
        assert!(!again.contains("sgk_") && !again.contains("sgs_"));
        assert!(again.contains("$SEALGATE_API_KEY") && again.contains("https://[::1]:8200/"));
        assert_eq!(again.matches("curl ").count(), 4);
    }

    #[test]
    fn the_text_never_outgrows_its_room() {
        let long = || SecretString::from("x".repeat(200));
        let keys = FirstKeys {
            api_key: long(),
            root_key: long(),
            user_secret: long(),
        };
        let text = Greeting::first(keys).text(address(), true);
        assert!(text.len() < TEXT_BYTES_MAX && text.capacity() == TEXT_BYTES_MAX);
    }
}

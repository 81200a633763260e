//! Which requests a scope permits by what they do.

use http::Method;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It changes nothing.
    Read,
    /// Anything else.
    Write,
}

impl Access {
    /// What a request with this method does where nothing else is known: the safe methods of
    /// RFC 9110 section 9.2.1 read.
    #[must_use]
    pub fn of(method: &Method) -> Self {
        if method.is_safe() {
            Self::Read
        } else {
            Self::Write
        }
    }
}

/// Every method that a scope can name.
const NAMES: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// A set of requests; `None` is all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Methods(Option<Set>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Set {
    read: bool,
    write: bool,
    named: Vec<Method>,
}

impl Methods {
    /// Reads `read`, `write` and methods in capitals; `None` for an empty list and other words.
    pub(super) fn parse(texts: Option<&[String]>) -> Option<Self> {
        let Some(texts) = texts else {
            return Some(Self(None));
        };
        if !(1..=NAMES.len() + 2).contains(&texts.len()) {
            return None;
        }
        let mut set = Set::default();
        for text in texts {
            match text.as_str() {
                "read" => set.read = true,
                "write" => set.write = true,
                name if NAMES.contains(&name) => set.named.push(name.parse().ok()?),
                _ => return None,
            }
        }
        Some(Self(Some(set)))
    }

    pub(super) fn permits(&self, access: Access, method: &Method) -> bool {
        self.0.as_ref().is_none_or(|set| {
            let by_effect = match access {
                Access::Read => set.read,
                Access::Write => set.write,
            };
            by_effect || set.named.contains(method)
        })
    }

    /// Tried for every kind of request that there is: methods without a name here are all alike,
    /// and a POST may read.
    pub(super) fn is_within(&self, wider: &Self) -> bool {
        let unnamed = [Method::TRACE, Method::CONNECT];
        let named = NAMES.iter().filter_map(|name| name.parse().ok());
        named.chain(unnamed).all(|method: Method| {
            let accesses = [Access::of(&method), Access::Read];
            let reached = |access: &Access| *access == Access::of(&method) || method == "POST";
            accesses
                .iter()
                .filter(|access| reached(access))
                .all(|access| !self.permits(*access, &method) || wider.permits(*access, &method))
        })
    }
}

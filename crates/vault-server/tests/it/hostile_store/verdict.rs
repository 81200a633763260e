//! Tells refusals from other data.

use serde_json::Value;

use super::scene::Probe;

/// What an edit may do, at most and at least.
///
/// Whatever the rule, an answer is the genuine one, or it refuses, or it says that something is
/// not there. The named probes are the documented exceptions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Some call says `tampered`.
    Refused(&'static [&'static str]),
    /// Some call says so, or no longer finds the row: as if it had been deleted.
    Gone(&'static [&'static str]),
    /// No answer changes: what the cache holds is made anew from what it was made of.
    Cache,
    /// Only the named calls show it, and nothing is decided by it.
    Note(&'static [&'static str]),
    /// No answer to a read changes: the number only orders writes, which may be refused.
    Order,
}

/// What a call answered after an edit, beside what it answered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    Tampered,
    /// Refused as absent, or a list without the row.
    Gone,
    /// Anything else: other data.
    Other,
}

const ABSENT: &[&str] = &[
    "not_found",
    "api_key_invalid",
    "credential_not_found",
    "keys_missing",
    "recipient_keys_missing",
    "conflict",
];

pub(crate) fn verdict(probe: &Probe, before: &(u16, Value), after: &(u16, Value)) -> Verdict {
    if before == after {
        return Verdict::Same;
    }
    let (status, document) = after;
    let code = document["code"].as_str().unwrap_or_default();
    if (*status, code) == (400, "tampered") {
        return Verdict::Tampered;
    }
    if *status >= 400 && ABSENT.contains(&code) {
        return Verdict::Gone;
    }
    // A write that finds nothing makes something new.
    if probe.writes && (before.0, *status) == (200, 201) {
        return Verdict::Gone;
    }
    match (items(&before.1), items(document)) {
        (Some(before), Some(after)) if after.iter().all(|item| before.contains(item)) => {
            Verdict::Gone
        }
        _ => Verdict::Other,
    }
}

/// Items of a list, also of one inside an explanation.
fn items(document: &Value) -> Option<&Vec<Value>> {
    document.as_array().or(document["matching"].as_array())
}

impl Rule {
    /// Why the verdicts break the rule, if they do.
    pub(crate) fn broken_by(self, verdicts: &[(&'static str, Verdict)]) -> Option<String> {
        let excepted: &[&str] = match self {
            Self::Refused(probes) | Self::Gone(probes) | Self::Note(probes) => probes,
            Self::Cache | Self::Order => &[],
        };
        let mut seen = verdicts.iter();
        let other =
            seen.find(|(name, verdict)| *verdict == Verdict::Other && !excepted.contains(name));
        if let Some((name, _)) = other {
            return Some(format!("{name}: other data"));
        }
        let has = |wanted| verdicts.iter().any(|(_, verdict)| *verdict == wanted);
        let holds = match self {
            Self::Refused(_) => has(Verdict::Tampered),
            Self::Gone(_) => has(Verdict::Tampered) || has(Verdict::Gone),
            Self::Cache => verdicts.iter().all(|(_, v)| *v == Verdict::Same),
            Self::Note(probes) => verdicts
                .iter()
                .all(|(name, v)| *v == Verdict::Same || probes.contains(name)),
            Self::Order => !has(Verdict::Tampered),
        };
        (!holds).then(|| format!("{self:?} does not hold: {verdicts:?}"))
    }
}

//! What several tests need.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;

use async_trait::async_trait;
use credential_injector::egress::{ResolveError, Resolver};
use credential_injector::{DnsName, HostPattern, SchemePolicy, Target, TargetError};

pub(crate) fn parse_https(text: &str) -> Result<Target, TargetError> {
    Target::parse(text, &SchemePolicy::https_only())
}

pub(crate) fn target(text: &str) -> Target {
    parse_https(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub(crate) fn loopback_target(text: &str) -> Target {
    let policy = SchemePolicy::https_only().permit_http_on_loopback();
    Target::parse(text, &policy).unwrap_or_else(|e| panic!("{text}: {e}"))
}

pub(crate) fn pattern(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Gives one prepared answer after the other, repeats the last, and remembers the questions.
pub(crate) struct ScriptedResolver {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl ScriptedResolver {
    pub(crate) fn new(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Self {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            asked: Mutex::default(),
        }
    }

    pub(crate) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Resolver for ScriptedResolver {
    async fn resolve(&self, name: &DnsName) -> Result<Vec<IpAddr>, ResolveError> {
        self.asked.lock().unwrap().push(name.to_string());
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 {
            return answers.pop_front().ok_or(ResolveError::NoAddress);
        }
        answers.front().cloned().ok_or(ResolveError::NoAddress)
    }
}

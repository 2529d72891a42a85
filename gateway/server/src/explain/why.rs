//! Which rule an error stands for.

use std::borrow::Cow;

use cambist_core::{
    DecideError, ExchangeError, Fault, IssueError, PolicyRefusal, TargetRefusal, ValidateError,
};

use super::findings::Findings;

type Names = (Cow<'static, str>, Cow<'static, str>);

/// The step at which `error` came about, and the name of the rule.
pub(super) fn decisive(error: &ExchangeError, found: &Findings<'_>) -> Names {
    let known = |step: &'static str, rule: &'static str| (Cow::from(step), Cow::from(rule));
    match error {
        ExchangeError::NoTransformation { .. } => known("transformation", "no_transformation"),
        ExchangeError::NoActors(_) => known("actor_token", "no_actors"),
        ExchangeError::Subject(error) if found.accepted_subject() => {
            ("subject_ledger".into(), token(error))
        }
        ExchangeError::Subject(error) => ("subject_token".into(), token(error)),
        ExchangeError::Actor(error) if found.accepted_actor() => {
            ("actor_ledger".into(), token(error))
        }
        ExchangeError::Actor(error) => ("actor_token".into(), token(error)),
        ExchangeError::Target(refusal) => known("targets", target(*refusal)),
        ExchangeError::Scope => known("scope", "wider_than_allowed"),
        ExchangeError::Policy(refusal) => {
            let (step, rule) = policy(*refusal);
            known(step, rule)
        }
        ExchangeError::Decided(error) => {
            let rule = match error {
                DecideError::Refused { code, .. } => Cow::from(code.clone()),
                DecideError::Fault(fault) => fault_name(fault).into(),
            };
            (found.next_decider(), rule)
        }
        ExchangeError::Issue(error) => {
            let rule = match error {
                IssueError::Impossible(_) => "impossible".into(),
                IssueError::Refused { code, .. } => Cow::from(code.clone()),
                IssueError::Fault(fault) => fault_name(fault).into(),
            };
            let step = if found.is_granted() {
                "provider"
            } else {
                "binding"
            };
            (step.into(), rule)
        }
    }
}

fn token(error: &ValidateError) -> Cow<'static, str> {
    match error {
        ValidateError::Rejected(rejection) => rejection.name().into(),
        ValidateError::RefusedWith { code, .. } => code.clone().into(),
        ValidateError::Fault(fault) => fault_name(fault).into(),
    }
}

const fn fault_name(fault: &Fault) -> &'static str {
    match fault {
        Fault::Overloaded(_) => "overloaded",
        Fault::Plugin { .. } | Fault::Nameless { .. } => "plugin_failed",
        Fault::Throttled { .. } => "throttled",
        Fault::Unavailable(_) => "unavailable",
        Fault::Internal(_) => "internal",
    }
}

const fn target(refusal: TargetRefusal) -> &'static str {
    match refusal {
        TargetRefusal::Conflicting => "conflicting",
        TargetRefusal::Missing => "missing",
        TargetRefusal::NotAllowed => "not_allowed",
        TargetRefusal::Unknown => "unknown",
    }
}

const fn policy(refusal: PolicyRefusal) -> (&'static str, &'static str) {
    match refusal {
        PolicyRefusal::ActorDelegated => ("actor", "actor_delegated"),
        PolicyRefusal::ActorNotAllowed => ("actor", "actor_not_allowed"),
        PolicyRefusal::ActorNotProven => ("proof", "actor_not_proven"),
        PolicyRefusal::ActorRepeats => ("delegation", "actor_repeats"),
        PolicyRefusal::ChainTooLong => ("delegation", "chain_too_long"),
        PolicyRefusal::MayActNotMet => ("may_act", "may_act_not_met"),
        PolicyRefusal::NotPresentable => ("presentation", "not_presentable"),
        PolicyRefusal::NothingToBindTo => ("binding", "nothing_to_bind_to"),
        PolicyRefusal::NotProven => ("proof", "not_proven"),
        PolicyRefusal::SameToken => ("presentation", "same_token"),
        PolicyRefusal::Spliced => ("actor", "spliced"),
        PolicyRefusal::TooLate => ("lifetime", "too_late"),
    }
}

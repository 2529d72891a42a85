//! States in a SAML assertion what the subject may do at this hour. A till that works for a branch asks the
//! assertion, not the clock on its own wall: outside the opening hours it may look, and not book.

use cambist_guest::{
    Call, Refusal, export,
    saml::{Action, Assertion, AuthzDecisionStatement, AuthzDecisionStatements, DecisionType},
};

const DAY: u64 = 24 * 60 * 60;
/// 1970-01-01 was a Thursday.
const WEEKDAYS: [&str; 7] = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
/// Read, write and so on (saml-core §8.1.2).
const RWEDC: &str = "urn:oasis:names:tc:SAML:1.0:action:rwedc";

/// The plugin.
pub struct OpeningHours;

impl AuthzDecisionStatements for OpeningHours {
    fn make_authz_decision_statements(
        assertion: &Assertion,
        call: &Call,
    ) -> Result<Vec<AuthzDecisionStatement>, Refusal> {
        let open = is_open(assertion.issued_at, call)?;
        let resource = call.required_text("resource")?;
        let statement = |actions: &[String], permitted| AuthzDecisionStatement {
            resource: resource.to_owned(),
            decision: if permitted {
                DecisionType::Permit
            } else {
                DecisionType::Deny
            },
            actions: actions.iter().map(|value| action(value)).collect(),
            evidence: None,
        };
        Ok([
            (call.texts("always").unwrap_or_default(), true),
            (call.required_texts("when_open")?, open),
        ]
        .into_iter()
        .filter(|(actions, _)| !actions.is_empty())
        .map(|(actions, permitted)| statement(actions, permitted))
        .collect())
    }
}

export!(OpeningHours: AuthzDecisionStatements);

fn action(value: &str) -> Action {
    Action {
        namespace: RWEDC.to_owned(),
        value: value.to_owned(),
    }
}

/// Whether `time` lies within the opening hours, which are those of the zone `utc_offset_minutes` away.
fn is_open(time: u64, call: &Call) -> Result<bool, Refusal> {
    let offset = call.integer("utc_offset_minutes").unwrap_or(0);
    let local = time
        .checked_add_signed(offset.saturating_mul(60))
        .ok_or_else(|| Refusal::internal("`utc_offset_minutes` is out of bounds"))?;
    let weekday = usize::try_from(local / DAY % 7)
        .ok()
        .and_then(|day| WEEKDAYS.get(day).copied());
    let hour = i64::try_from(local % DAY / 3_600).unwrap_or(0);
    let on = |day: &String| weekday == Some(day.as_str());
    Ok(call.required_texts("days")?.iter().any(on)
        && (call.required_integer("opens")?..call.required_integer("closes")?).contains(&hour))
}

#[cfg(test)]
mod tests;

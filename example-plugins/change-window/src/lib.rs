//! Grants write scopes only while changes are allowed, and nothing at all to blocked subjects. A grant that
//! may change something ends with the window.

use cambist_guest::{Call, Decision, Policy, Refusal, export, policy::Request};

const DAY: u64 = 24 * 60 * 60;
/// 1970-01-01 was a Thursday.
const WEEKDAYS: [&str; 7] = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];

/// The policy.
pub struct ChangeWindow;

impl Policy for ChangeWindow {
    fn decide(request: &Request, call: &Call) -> Result<Decision, Refusal> {
        let blocked = call.texts("blocked").unwrap_or_default();
        let parties = request
            .actors
            .iter()
            .map(|actor| &actor.subject)
            .chain([&request.subject.subject]);
        if parties.into_iter().any(|party| blocked.contains(party)) {
            return Err(Refusal::refused("blocked"));
        }

        let writes = call.required_texts("write_scopes")?;
        let kept: Vec<&String> = request
            .scopes
            .iter()
            .filter(|scope| !writes.contains(scope))
            .collect();
        if kept.len() == request.scopes.len() {
            return Ok(Decision::unchanged());
        }
        if let Some(end) = window_end(call)? {
            return Ok(Decision::unchanged()
                .not_after(request.not_after.map_or(end, |limit| limit.min(end))));
        }
        if kept.is_empty() {
            return Err(
                Refusal::refused("change-window").message("changes are not allowed at this hour")
            );
        }
        Ok(Decision::unchanged().scopes(kept))
    }
}

export!(ChangeWindow: Policy);

/// When the window that is open now closes. None if there is none. Hours and days are those of UTC.
fn window_end(call: &Call) -> Result<Option<u64>, Refusal> {
    let hour = |name| {
        u64::try_from(call.required_integer(name)?)
            .map_err(|_| Refusal::internal(format!("`{name}` is negative")))
    };
    let midnight = call.now - call.now % DAY;
    let weekday = usize::try_from(call.now / DAY % 7)
        .ok()
        .and_then(|day| WEEKDAYS.get(day).copied());
    let opens = midnight.saturating_add(hour("opens")?.saturating_mul(3_600));
    let closes = midnight.saturating_add(hour("closes")?.saturating_mul(3_600));
    let on = |day: &String| weekday == Some(day.as_str());
    Ok(
        (call.required_texts("days")?.iter().any(on) && (opens..closes).contains(&call.now))
            .then_some(closes),
    )
}

#[cfg(test)]
mod tests;

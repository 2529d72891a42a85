//! The gateway's plugin host, without a gateway around it.

use std::{fmt::Write, sync::Arc};

use cambist_plugin::{
    CaseOutcome, Compilation, Manifest, Nowhere, PluginHost,
    manifest::{embed, manifest_in},
};

use super::{CliError, PluginError, say, show};
use crate::{config::Config, publisher::Inspection, serve::plugin_limits};

/// Says what an upload would.
pub(super) fn check(config: &Config, component: &[u8], json: bool) -> Result<(), CliError> {
    let plugin = host(config)?
        .compile(component)
        .map_err(PluginError::Rejected)?;
    let inspection = serde_json::to_value(Inspection::of(&plugin))
        .map_err(|error| PluginError::Protocol(error.to_string()))?;
    show::plugin(&inspection, json)
}

/// Runs all golden cases, in a host that would have refused the component at the first that fails.
pub(super) fn test(config: &Config, component: &[u8]) -> Result<(), CliError> {
    let json = manifest_in(component).map_err(|error| PluginError::Protocol(error.to_string()))?;
    let mut manifest = json
        .map(Manifest::from_json)
        .transpose()
        .map_err(PluginError::Rejected)?
        .unwrap_or_default();
    let cases = std::mem::take(&mut manifest.cases);
    // It names one of the cases, and every case here has a sandbox of its own.
    manifest.warm_up = None;
    if cases.is_empty() {
        return Err(PluginError::NoCases.into());
    }
    let without_cases = embed(component, &manifest).map_err(PluginError::Rejected)?;
    let plugin = host(config)?
        .compile(&without_cases)
        .map_err(PluginError::Rejected)?;
    let outcomes: Vec<CaseOutcome> = cases.iter().map(|case| plugin.run_case(case)).collect();
    say(&table(&outcomes))?;
    let failed = outcomes.iter().filter(|o| o.failure.is_some()).count();
    if failed > 0 {
        return Err(PluginError::Failed {
            failed,
            all: outcomes.len(),
        }
        .into());
    }
    Ok(())
}

/// One line a case; what went wrong, and what the plugin logged, below it.
fn table(outcomes: &[CaseOutcome]) -> String {
    let width = outcomes
        .iter()
        .map(|outcome| outcome.name.chars().count())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for outcome in outcomes {
        let verdict = if outcome.failure.is_some() {
            "FAILED"
        } else {
            "ok"
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:width$}  {verdict:6}  start {:>7.3} ms  call {:>7.3} ms  {:>6} KiB",
            outcome.name,
            outcome.start_time.as_secs_f64() * 1000.0,
            outcome.call_time.as_secs_f64() * 1000.0,
            outcome.memory.div_ceil(1024),
        );
        if let Some(failure) = &outcome.failure {
            let _ = writeln!(text, "    {failure}");
            for line in &outcome.log {
                let _ = writeln!(text, "    log: {line}");
            }
        }
    }
    text
}

fn host(config: &Config) -> Result<PluginHost, PluginError> {
    let compilation = Compilation::default();
    Ok(PluginHost::new(
        plugin_limits(config),
        compilation,
        Arc::new(Nowhere),
    )?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_table_says_what_went_wrong() {
        let outcome = |name: &str, failure: Option<&str>| CaseOutcome {
            name: name.to_owned(),
            failure: failure.map(ToOwned::to_owned),
            answer: None,
            call_time: Duration::from_micros(1500),
            start_time: Duration::from_micros(40),
            memory: 262_144,
            log: vec!["odd".to_owned()],
        };
        let text = table(&[
            outcome("good", None),
            outcome("changed", Some("subject: …")),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "good     ok      start   0.040 ms  call   1.500 ms     256 KiB",
                "changed  FAILED  start   0.040 ms  call   1.500 ms     256 KiB",
                "    subject: …",
                "    log: odd",
            ]
        );
    }
}

//! Errors of the admin API (RFC 9457).

use cambist_plugin::PluginRejected;
use hyper::{Response, StatusCode, header, header::HeaderValue};
use serde_json::json;

use crate::{body::Body, publish_error::PublishError, publisher::PublishFailure};

/// What went wrong, for a person and for a program.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: String,
    path: String,
}

impl Problem {
    /// A problem without a path.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            hint: hint.into(),
            path: String::new(),
        }
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the admin token is missing or wrong",
            "send `Authorization: Bearer` with the content of the data directory's `admin-token`",
        )
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            detail,
            "list the collection to see what is there",
        )
    }

    /// The response.
    pub fn response(&self, correlation: &str) -> Response<Body> {
        let body = json!({
            "type": format!("urn:cambist:problem:{}", self.code),
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
            "hint": self.hint,
            "path": self.path,
            "correlation_id": correlation,
        });
        let mut response = Response::new(Body::full(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"cambist admin\""),
                );
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: "invalid_document",
            detail: error.reason,
            hint: error.hint,
            path: error.path,
        }
    }
}

impl From<PublishFailure> for Problem {
    fn from(failure: PublishFailure) -> Self {
        let detail = failure.to_string();
        let (status, code, hint) = match failure {
            PublishFailure::Invalid(error) => return error.into(),
            PublishFailure::Changed => (
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "read it again and send its ETag in If-Match",
            ),
            PublishFailure::Exists => (
                StatusCode::PRECONDITION_FAILED,
                "exists",
                "leave out If-None-Match to replace it",
            ),
            PublishFailure::InUse(_) => (
                StatusCode::CONFLICT,
                "in_use",
                "change or delete what uses it first",
            ),
            PublishFailure::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "list the collection to see what is there",
            ),
            PublishFailure::Waiting { .. } => (
                StatusCode::CONFLICT,
                "rotation_under_way",
                "wait until it signs, or revoke it with POST /admin/v1/keys:revoke to publish another",
            ),
            PublishFailure::Overloaded(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "try again in a moment",
            ),
            PublishFailure::Plugin(rejected) => {
                let (status, code, hint) = refusal(&rejected);
                return Self::new(status, code, detail, hint);
            }
            PublishFailure::VersionTaken { .. } => (
                StatusCode::CONFLICT,
                "version_taken",
                "raise `version` in cambist-plugin.toml and build again, or delete that version first",
            ),
            PublishFailure::Store(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "nothing was changed; see the log for the store's state",
            ),
        };
        Self::new(status, code, detail, hint)
    }
}

/// Why a component is not taken, one row per reason: status, code, and what to do.
#[expect(
    clippy::too_many_lines,
    reason = "one table, with one row for each reason"
)]
fn refusal(rejected: &PluginRejected) -> (StatusCode, &'static str, &'static str) {
    const UNFIT: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    const BUILD: &str = "`cambist plugin build` makes a component; `cambist plugin check` says the same as this upload";
    match rejected {
        PluginRejected::TooLarge { .. } => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "component_too_large",
            "build it for release and without debug information, or raise limits.plugin_bytes",
        ),
        PluginRejected::Precompiled => (UNFIT, "precompiled", BUILD),
        PluginRejected::NotWasm { .. } => (UNFIT, "not_a_component", BUILD),
        PluginRejected::CoreModule => (UNFIT, "core_module", BUILD),
        PluginRejected::Preview1 => (UNFIT, "preview1_module", BUILD),
        PluginRejected::Malformed(_) => (
            UNFIT,
            "malformed_component",
            "build it again, and check that the whole file was sent",
        ),
        PluginRejected::TooComplex { .. } => (
            UNFIT,
            "too_complex",
            "build it optimised for size and leave out what it does not use",
        ),
        PluginRejected::Composed => (
            UNFIT,
            "composed_component",
            "build one component out of the parts' sources",
        ),
        PluginRejected::Import { .. } => (
            UNFIT,
            "ungranted_import",
            "ask for a capability in `capabilities` of cambist-plugin.toml, or do without the import",
        ),
        PluginRejected::MissingExport { .. } => (
            UNFIT,
            "missing_export",
            "export an interface of `cambist:sts`, in Rust with `cambist_guest::export!`",
        ),
        PluginRejected::Version(_) => (
            UNFIT,
            "wrong_version",
            "build it against the version of `cambist:sts` that this gateway has",
        ),
        PluginRejected::WrongType(_) => (
            UNFIT,
            "wrong_type",
            "build it against the WIT files of this gateway's version, unchanged",
        ),
        PluginRejected::Manifest(_) => (
            UNFIT,
            "manifest_mismatch",
            "correct cambist-plugin.toml and build again",
        ),
        PluginRejected::Resources { .. } => (
            UNFIT,
            "too_many_resources",
            "give the guest a smaller stack and initial memory, or raise plugins.memory_bytes",
        ),
        PluginRejected::Compile(_) => (
            UNFIT,
            "does_not_compile",
            "the component uses WebAssembly features that plugins do not have",
        ),
        PluginRejected::TooSlow { .. } => (
            UNFIT,
            "too_slow_to_compile",
            "split very large functions and deeply nested loops",
        ),
        PluginRejected::TooMuchMemory { .. } => (
            UNFIT,
            "too_large_to_compile",
            "split very large functions, and leave out what it does not use",
        ),
        PluginRejected::NoRoom(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "no_room",
            "give the gateway's process more address space, or upload a smaller component",
        ),
        PluginRejected::CompilerMissing(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "compiler_missing",
            "the component was not looked at; see the gateway's log and installation",
        ),
        PluginRejected::CompilerFailed(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "compiler_failed",
            "if other components compile, this one is at fault; see the gateway's log",
        ),
        PluginRejected::Trial(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "trial_failed",
            "nothing of the guest may trap while it starts",
        ),
        PluginRejected::SelfTest { .. } => (
            UNFIT,
            "self_test_failed",
            "`cambist plugin test` shows all cases; correct the plugin or the case",
        ),
        PluginRejected::TrialTime(_) => (UNFIT, "trial_too_slow", "do less while the guest starts"),
    }
}

#[cfg(test)]
mod tests;

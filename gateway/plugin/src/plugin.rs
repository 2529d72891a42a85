//! A compiled plugin, and one use of it as a validator.

use std::{collections::BTreeMap, fmt, sync::Arc};

use cambist_core::{
    BoxFuture, Call, Declared, Fault, Principal, Rejection, Token, TokenType, ValidateError,
    Validator,
};
use tokio::{sync::SemaphorePermit, time::timeout};

use crate::{
    host::Shared,
    sandbox::Sandbox,
    v0_1::{Answer, Cause, Linked, Question, Refused},
};

/// An accepted component, ready to be called. It lives as long as something refers to it; replacing it
/// means making another one.
pub struct Plugin {
    pub(crate) shared: Arc<Shared>,
    pub(crate) linked: Linked,
    pub(crate) digest: String,
    pub(crate) size: usize,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

/// One use of a plugin, as the operator configured it.
#[derive(Clone)]
pub struct PluginBinding {
    /// The plugin's name, for messages.
    pub name: String,
    /// The type of the tokens it is asked about.
    pub token_type: TokenType,
    /// What it is told with every call. May hold secrets, so nothing here prints them.
    pub settings: BTreeMap<String, String>,
    /// What the operator declares about these tokens.
    pub declared: Declared,
}

impl Plugin {
    /// `sha256:` and the SHA-256 of the uploaded bytes in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Size of the uploaded component in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// What the component imports, as it names it.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What the component exports, as it names it.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// A validator that asks this plugin.
    pub fn validator(self: &Arc<Self>, binding: PluginBinding) -> Arc<dyn Validator> {
        Arc::new(PluginValidator {
            title: format!("{}@{}", binding.name, self.digest),
            plugin: Arc::clone(self),
            token_type: binding.token_type,
            settings: binding.settings.into_iter().collect(),
            declared: binding.declared,
        })
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PluginBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginBinding")
            .field("name", &self.name)
            .field("token_type", &self.token_type)
            .field("settings", &self.settings.keys())
            .field("declared", &self.declared)
            .finish()
    }
}

struct PluginValidator {
    plugin: Arc<Plugin>,
    /// Name and digest.
    title: String,
    token_type: TokenType,
    settings: Vec<(String, String)>,
    declared: Declared,
}

impl Validator for PluginValidator {
    fn validate<'a>(
        &'a self,
        token: &'a Token,
        call: &'a Call<'a>,
    ) -> BoxFuture<'a, Result<Principal, ValidateError>> {
        Box::pin(async move {
            match self.ask(token, call).await? {
                Answer::Accepted(principal, carried) => self.accept(*principal, carried, call),
                Answer::Refused(refused) => Err(self.refuse(refused, call)),
            }
        })
    }
}

impl PluginValidator {
    /// One call in a sandbox of its own, which is gone when this returns, whatever happened.
    async fn ask(&self, token: &Token, call: &Call<'_>) -> Result<Answer, ValidateError> {
        let Shared { engine, limits, .. } = &*self.plugin.shared;
        let _turn = self.turn().await?;
        let mut store = Sandbox::store(engine, limits);
        let question = Question {
            call,
            token_type: &self.token_type,
            settings: &self.settings,
        };
        match timeout(
            limits.call_time,
            self.plugin
                .linked
                .validate(&mut store, token.as_bytes(), &question),
        )
        .await
        {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(nonsense))) => Err(self.failed(nonsense.to_string())),
            Ok(Err(trap)) => Err(self.failed(format!("{trap:#}"))),
            Err(_) => Err(self.failed(format!("no answer within {:?}", limits.call_time))),
        }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, ValidateError> {
        let Shared { turns, limits, .. } = &*self.plugin.shared;
        if let Ok(turn) = turns.try_acquire() {
            return Ok(turn);
        }
        match timeout(limits.turn_wait, turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Fault::Overloaded(format!(
                "every sandbox is busy, no turn for plugin {}",
                self.title
            ))
            .into()),
        }
    }

    fn accept(
        &self,
        mut principal: Principal,
        carried: Option<cambist_core::Scope>,
        call: &Call<'_>,
    ) -> Result<Principal, ValidateError> {
        if principal.expires_at.is_some_and(|end| end <= call.now) {
            return Err(Rejection::Expired.into());
        }
        self.declared.complete(&mut principal, carried);
        Ok(principal)
    }

    fn refuse(&self, refused: Refused, call: &Call<'_>) -> ValidateError {
        let Refused {
            cause,
            code,
            message,
            detail,
        } = refused;
        if let Some(detail) = &detail {
            tracing::info!(
                plugin = self.title,
                instance = call.instance,
                correlation = call.correlation,
                code,
                detail,
                "plugin refused a token"
            );
        }
        match cause {
            Cause::Token(rejection) if code.is_none() && message.is_none() => rejection.into(),
            Cause::Token(rejection) => {
                let code = code.unwrap_or_else(|| rejection.name().to_owned());
                ValidateError::RefusedWith {
                    rejection,
                    code,
                    message,
                }
            }
            Cause::Unavailable => {
                Fault::Unavailable(format!("plugin {}: {}", self.title, said(code, detail))).into()
            }
            Cause::Internal => self.failed(said(code, detail)),
        }
    }

    fn failed(&self, reason: String) -> ValidateError {
        Fault::Plugin {
            plugin: self.title.clone(),
            reason,
        }
        .into()
    }
}

/// What a plugin said to operators about a fault of its own.
fn said(code: Option<String>, detail: Option<String>) -> String {
    match (code, detail) {
        (Some(code), Some(detail)) => format!("{code}: {detail}"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => "it gave no reason".to_owned(),
    }
}

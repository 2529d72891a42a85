//! The terms on which one use of a plugin runs: its configuration and its grants, checked against what the
//! component imports and its manifest asks for.

use serde_json::{Map, Value};

use crate::{
    Capability, Grants, Manifest, Point,
    manifest::{ConfigError, ConfigValue, Isolation},
};

/// One use of a plugin, as the operator configured it.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// The plugin's name, for messages.
    pub name: String,
    /// The configuration. May hold what nobody should read, so nothing prints it.
    pub config: Config,
    /// What is granted.
    pub grants: Grants,
}

/// A configuration as the operator wrote it.
#[derive(Clone, Default)]
pub struct Config(pub Map<String, Value>);

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// What a bound plugin runs under.
pub(crate) struct Terms {
    /// Name and digest.
    pub(crate) title: String,
    pub(crate) config: Vec<(String, ConfigValue)>,
    pub(crate) grants: Grants,
}

/// Why a plugin cannot be used as the operator wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The component does not export the point's interface.
    #[error(
        "the component does not fill the point `{point}`; it fills {}",
        list(found)
    )]
    MissingExport {
        /// The wanted point.
        point: Point,
        /// Points it fills.
        found: Vec<Point>,
    },
    /// It imports something that was not granted.
    #[error("the component imports `{import}`, and `{capability}` is not granted: {reason}")]
    Ungranted {
        /// The import, exactly as the component names it.
        import: String,
        /// What would have to be granted.
        capability: Capability,
        /// Why the plugin wants it, in its author's words.
        reason: String,
    },
    /// Something is granted that the manifest does not ask for.
    #[error("`{0}` is granted, and the plugin's manifest does not ask for it")]
    Unwanted(Capability),
    /// The configuration does not fit the manifest.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The manifest declares a name, and nothing stands behind it.
    #[error("`{table}.{name}` is not granted: {description}")]
    Missing {
        /// `keys` or `secrets`.
        table: &'static str,
        /// The declared name.
        name: String,
        /// What it is, in the author's words.
        description: String,
    },
    /// Something stands behind a name that the manifest does not declare.
    #[error("`{table}.{name}` is granted, and the plugin's manifest declares no such name")]
    Undeclared {
        /// `keys` or `secrets`.
        table: &'static str,
        /// The name.
        name: String,
    },
    /// The key behind a name is for another algorithm.
    #[error("the key `{name}` is for {found}, and the plugin wants one for {}", wanted.join(" or "))]
    Algorithm {
        /// Its name.
        name: String,
        /// What it is for.
        found: String,
        /// What the plugin wants.
        wanted: Vec<String>,
    },
    /// A secret may be seen that the plugin does not want to see.
    #[error("the secret `{0}` is to be revealed, and the plugin does not ask to see it")]
    Reveal(String),
    /// Reuse is allowed, and the plugin does not ask for it.
    #[error("the plugin does not ask for its sandboxes to be used for several calls")]
    Isolation,
}

fn list(points: &[Point]) -> String {
    let names: Vec<String> = points.iter().map(|point| format!("`{point}`")).collect();
    names.join(", ")
}

impl BindError {
    /// The member of the binding that is at fault, `grants` or `config`, or none if it is the plugin.
    pub const fn member(&self) -> &'static str {
        match self {
            Self::MissingExport { .. } => "plugin",
            Self::Config(_) => "config",
            Self::Ungranted { .. }
            | Self::Unwanted(_)
            | Self::Missing { .. }
            | Self::Undeclared { .. }
            | Self::Algorithm { .. }
            | Self::Reveal(_)
            | Self::Isolation => "grants",
        }
    }
}

/// The terms for `binding`, if the component and its manifest agree with it.
pub(crate) fn agree(
    manifest: &Manifest,
    imports: &[(Capability, String)],
    binding: Binding,
    title: String,
) -> Result<Terms, BindError> {
    let Binding { config, grants, .. } = binding;
    for (capability, import) in imports {
        if !grants.holds(*capability) {
            return Err(BindError::Ungranted {
                import: import.clone(),
                capability: *capability,
                reason: manifest
                    .capabilities
                    .get(capability)
                    .cloned()
                    .unwrap_or_default(),
            });
        }
    }
    if let Some(unwanted) = Capability::ALL
        .into_iter()
        .find(|c| grants.holds(*c) && !manifest.capabilities.contains_key(c))
    {
        return Err(BindError::Unwanted(unwanted));
    }
    check_keys(manifest, &grants)?;
    check_secrets(manifest, &grants)?;
    if grants.reuse && manifest.isolation != Isolation::Worker {
        return Err(BindError::Isolation);
    }
    let config = manifest.configure(&config.0)?;
    Ok(Terms {
        title,
        config,
        grants,
    })
}

fn check_keys(manifest: &Manifest, grants: &Grants) -> Result<(), BindError> {
    for (name, wanted) in &manifest.keys {
        let Some(key) = grants.keys.get(name) else {
            return Err(BindError::Missing {
                table: "keys",
                name: name.clone(),
                description: wanted.description.clone(),
            });
        };
        let found = key.algorithm();
        if !wanted.algorithms.is_empty() && !wanted.algorithms.iter().any(|a| a == found) {
            return Err(BindError::Algorithm {
                name: name.clone(),
                found: found.to_owned(),
                wanted: wanted.algorithms.clone(),
            });
        }
    }
    match grants
        .keys
        .keys()
        .find(|name| !manifest.keys.contains_key(*name))
    {
        None => Ok(()),
        Some(name) => Err(BindError::Undeclared {
            table: "keys",
            name: name.clone(),
        }),
    }
}

fn check_secrets(manifest: &Manifest, grants: &Grants) -> Result<(), BindError> {
    for (name, wanted) in &manifest.secrets {
        let Some(secret) = grants.secrets.get(name) else {
            return Err(BindError::Missing {
                table: "secrets",
                name: name.clone(),
                description: wanted.description.clone(),
            });
        };
        if secret.reveal && !wanted.reveal {
            return Err(BindError::Reveal(name.clone()));
        }
    }
    match grants
        .secrets
        .keys()
        .find(|name| !manifest.secrets.contains_key(*name))
    {
        None => Ok(()),
        Some(name) => Err(BindError::Undeclared {
            table: "secrets",
            name: name.clone(),
        }),
    }
}

//! `cambist:sts@0.1`: the only module that sees generated bindings of it.

mod capabilities;
mod convert;
mod points;
pub(crate) mod saml;

use wasmtime::{
    Engine, Store,
    component::{
        Component, HasSelf, Instance, InstancePre, Linker, Resource, ResourceType,
        types::ComponentItem,
    },
};

use crate::{
    Capability, PluginRejected, Point,
    sandbox::{Sandbox, SecretHandle},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "plugin",
        // What never waits is called without a future.
        imports: {
            "cambist:sts/http": async | trappable,
            "cambist:sts/kv": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "cambist:sts/secrets.secret": crate::sandbox::SecretHandle,
            "cambist:sts/crypto.key": crate::sandbox::KeyHandle,
        },
    });
}

use bindings::{cambist::sts as imports, exports::cambist::sts as exports};

pub(crate) use convert::values;
pub(crate) use imports::types::Value as WitValue;
pub(crate) use points::{Answer, Asked, Cause, Guest, Refused};

/// The package, as imports and exports name it.
const PACKAGE: &str = "cambist:sts/";
/// Interfaces with nothing but types.
const TYPES: [&str; 2] = ["types", "saml"];

/// What one import of a component is to this version.
pub(crate) enum Import {
    /// Types only.
    Types,
    /// A capability.
    Capability(Capability),
    /// An interface of the package that there is not.
    Unknown,
    /// Of another version of the package.
    OtherVersion,
    /// Of another package.
    Foreign,
}

/// Sorts an import by its name.
pub(crate) fn import(name: &str) -> Import {
    let Some(rest) = name.strip_prefix(PACKAGE) else {
        return Import::Foreign;
    };
    let Some(interface) = of_this_version(rest) else {
        return Import::OtherVersion;
    };
    if TYPES.contains(&interface) {
        return Import::Types;
    }
    Capability::ALL
        .into_iter()
        .find(|capability| capability.name() == interface)
        .map_or(Import::Unknown, Import::Capability)
}

/// Functions of a component's imports of this package that there are not: `interface#function`.
pub(crate) fn stray(component: &Component, engine: &Engine) -> Option<String> {
    let imports = component.component_type();
    imports.imports(engine).find_map(|(name, item)| {
        let functions: &[&str] = match import(name) {
            Import::Capability(capability) => functions(capability),
            Import::Types => &[],
            Import::Unknown | Import::OtherVersion | Import::Foreign => return None,
        };
        let ComponentItem::ComponentInstance(interface) = item.ty else {
            return Some(name.to_owned());
        };
        interface.exports(engine).find_map(|(function, item)| {
            let is_function = matches!(
                item.ty,
                ComponentItem::ComponentFunc(_) | ComponentItem::CoreFunc(_)
            );
            (is_function && !functions.contains(&function)).then(|| format!("{name}#{function}"))
        })
    })
}

const fn functions(capability: Capability) -> &'static [&'static str] {
    match capability {
        Capability::Clock => &["now-ms"],
        Capability::Crypto => &[
            "open",
            "[method]key.algorithm",
            "[method]key.sign",
            "[method]key.verify",
            "[method]key.public-jwk",
        ],
        Capability::Http => &["send"],
        Capability::Kv => &["get", "set", "add", "remove"],
        Capability::Log => &["write"],
        Capability::Random => &["bytes"],
        Capability::Secrets => &["open", "[method]secret.matches", "[method]secret.reveal"],
    }
}

/// The points among a component's exports, or the first export that is of another version.
pub(crate) fn points(exports: &[String]) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    for export in exports {
        let Some(rest) = export.strip_prefix(PACKAGE) else {
            continue;
        };
        let interface = of_this_version(rest).ok_or_else(|| export.clone())?;
        points.extend(Point::named(interface));
    }
    Ok(points)
}

fn of_this_version(interface: &str) -> Option<&str> {
    let (name, version) = interface.split_once('@')?;
    version.starts_with("0.1.").then_some(name)
}

/// The full name of a point's interface.
pub(crate) fn interface(point: Point) -> String {
    format!("{PACKAGE}{point}@0.1.0")
}

/// A component linked to the host, with the exports it fills.
pub(crate) struct Linked {
    pre: InstancePre<Sandbox>,
    validator: Option<exports::validator::GuestIndices>,
    provider: Option<exports::provider::GuestIndices>,
    custom_provider: Option<exports::custom_provider::GuestIndices>,
    policy: Option<exports::policy::GuestIndices>,
    claim_mapper: Option<exports::claim_mapper::GuestIndices>,
    acr_mapper: Option<exports::acr_mapper::GuestIndices>,
    amr_mapper: Option<exports::amr_mapper::GuestIndices>,
    conditions: Option<exports::conditions::GuestIndices>,
    subject: Option<exports::subject::GuestIndices>,
    authn_statements: Option<exports::authn_statements::GuestIndices>,
    attribute_statements: Option<exports::attribute_statements::GuestIndices>,
    authz_decision_statements: Option<exports::authz_decision_statements::GuestIndices>,
    attribute_mapper: Option<exports::attribute_mapper::GuestIndices>,
    authn_context_mapper: Option<exports::authn_context_mapper::GuestIndices>,
}

/// Looks up the exports of every point the component fills, and makes the check of their types.
macro_rules! linked {
    ($($point:ident: $interface:ident),+ $(,)?) => {
        impl Linked {
            /// Links a component and finds its exports.
            pub(crate) fn new(
                linker: &Linker<Sandbox>,
                component: &Component,
                points: &[Point],
            ) -> Result<Self, PluginRejected> {
                let pre = linker.instantiate_pre(component).map_err(wrong_type)?;
                Ok(Self {
                    $($interface: if points.contains(&Point::$point) {
                        Some(exports::$interface::GuestIndices::new(&pre).map_err(wrong_type)?)
                    } else {
                        None
                    },)+
                    pre,
                })
            }

            /// Finds every export in an instance, and compares its types with the interface. What changed
            /// inside a record shows here and not before.
            pub(crate) fn load(
                &self,
                store: &mut Store<Sandbox>,
                instance: &Instance,
            ) -> wasmtime::Result<Loaded> {
                Ok(Loaded {
                    $($interface: match &self.$interface {
                        Some(indices) => Some(indices.load(&mut *store, instance)?),
                        None => None,
                    },)+
                })
            }
        }

        /// What was found in one instance: its types are compared once, however often it is called.
        #[derive(Default)]
        pub(crate) struct Loaded {
            $($interface: Option<exports::$interface::Guest>,)+
        }
    };
}

linked! {
    Validator: validator,
    Provider: provider,
    CustomProvider: custom_provider,
    Policy: policy,
    ClaimMapper: claim_mapper,
    AcrMapper: acr_mapper,
    AmrMapper: amr_mapper,
    Conditions: conditions,
    Subject: subject,
    AuthnStatements: authn_statements,
    AttributeStatements: attribute_statements,
    AuthzDecisionStatements: authz_decision_statements,
    AttributeMapper: attribute_mapper,
    AuthnContextMapper: authn_context_mapper,
}

#[expect(clippy::needless_pass_by_value, reason = "an adapter for map_err")]
fn wrong_type(error: wasmtime::Error) -> PluginRejected {
    PluginRejected::WrongType(format!("{error:#}"))
}

impl Linked {
    /// Compares the types of an instance's exports with the interface.
    pub(crate) fn check(
        &self,
        store: &mut Store<Sandbox>,
        instance: &Instance,
    ) -> Result<(), PluginRejected> {
        self.load(store, instance).map(drop).map_err(wrong_type)
    }

    /// Makes an instance only.
    pub(crate) async fn instantiate(
        &self,
        store: &mut Store<Sandbox>,
    ) -> wasmtime::Result<Instance> {
        self.pre.instantiate_async(store).await
    }
}

/// Defines every capability. Whether a component was granted what it imports is looked at when it is
/// bound; none of the functions works outside of a call.
pub(crate) fn define(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    imports::log::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    imports::secrets::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    imports::http::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    imports::kv::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    imports::clock::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    imports::random::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    imports::crypto::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    // It uses the resource of another interface, and both must mean the same.
    let secret = ResourceType::host::<SecretHandle>();
    let name = format!("{PACKAGE}{}@0.1.0", Capability::Http);
    linker
        .instance(&name)?
        .resource("secret", secret, |mut store, handle| {
            let handle = Resource::<SecretHandle>::new_own(handle);
            store.data_mut().table.delete(handle)?;
            Ok(())
        })
}

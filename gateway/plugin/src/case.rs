//! Golden cases: questions whose answers an author wrote down. They run in the real host, at an upload and
//! whenever the author asks, with nothing behind the capabilities but what the case itself provides.

mod json;
mod stage;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wasmtime::{Store, component::Instance};

use crate::{
    Manifest, Plugin, PluginRejected, Point,
    limits::ClassLimits,
    sandbox::{Sandbox, Visitor, drive},
    terms::Terms,
    v0_1,
};
use stage::Stage;

/// When nothing else is said, cases play at this time.
const NOW: u64 = 1_900_000_000;
/// The token type of a case that names none.
const TOKEN_TYPE: &str = "urn:example:token";

/// One golden case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The point it asks; may be left out when the component fills one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<String>,
    /// The configuration.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// When it plays, in seconds since 1970-01-01T00:00:00Z.
    #[serde(default = "usual_time")]
    pub now: u64,
    /// For a validator: the token, as text or as `{"base64": …}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Value>,
    /// For a validator: the type of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// Arguments of the point's function, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// What it must answer: `{"ok": …}` or `{"err": …}`, of which every member named must agree.
    pub expect: Value,
    /// Keys by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, CaseKey>,
    /// Secrets by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// Requests that are answered; all others find nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<CaseAnswer>,
    /// What the store holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kv: BTreeMap<String, String>,
}

const fn usual_time() -> u64 {
    NOW
}

/// A key of a case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseKey {
    /// Its algorithm: HS256, HS384, HS512, `EdDSA` or ES256.
    pub algorithm: String,
    /// For a MAC: the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// For a signature: that a key is to be made for the case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generate: bool,
}

/// A request that is answered in a case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseAnswer {
    /// Its method; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Its URL.
    pub url: String,
    /// The status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers of the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body of the answer.
    #[serde(default)]
    pub body: String,
}

const fn ok() -> u16 {
    200
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct CaseOutcome {
    /// The case's name.
    pub name: String,
    /// What was wrong. None if it went as it should.
    pub failure: Option<String>,
    /// What the plugin answered, if it did.
    pub answer: Option<Value>,
    /// From the question to the answer, without the start of the sandbox.
    pub call_time: Duration,
    /// The start of the sandbox.
    pub start_time: Duration,
    /// Bytes of linear memory at the end.
    pub memory: usize,
    /// What it logged.
    pub log: Vec<String>,
}

/// Reads golden cases in TOML, `[[case]]` by `[[case]]`.
pub fn cases_from_toml(text: &str) -> Result<Vec<Case>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        case: Vec<Case>,
    }
    toml::from_str::<File>(text)
        .map(|file| file.case)
        .map_err(|error| error.to_string())
}

impl Plugin {
    /// Runs one case. Blocks as long as the plugin takes, with as much processor time as a call may take by the
    /// clock.
    pub fn run_case(&self, case: &Case) -> CaseOutcome {
        let mut outcome = CaseOutcome {
            name: case.name.clone(),
            failure: None,
            answer: None,
            call_time: Duration::ZERO,
            start_time: Duration::ZERO,
            memory: 0,
            log: Vec::new(),
        };
        let answered = self.play(case, &mut outcome);
        outcome.failure = match answered {
            Ok(answer) => {
                let difference = json::difference("", &case.expect, &answer);
                outcome.answer = Some(answer);
                difference
            }
            Err(reason) => Some(reason),
        };
        outcome
    }

    fn play(&self, case: &Case, outcome: &mut CaseOutcome) -> Result<Value, String> {
        let point = point_of(case, &self.points)?;
        let mut store = Sandbox::store(self.engine(), &self.limits);
        let started = Instant::now();
        let instance = drive(self.linked.instantiate(&mut store), self.limits.call_time)
            .ok_or("its sandbox was not ready in time")?
            .map_err(|error| format!("{error:#}"))?;
        outcome.start_time = started.elapsed();
        let played = perform(
            case,
            &self.manifest,
            point,
            &mut store,
            &instance,
            self.limits.call_time,
        )?;
        outcome.call_time = played.time;
        outcome.memory = store.data().memory();
        outcome.log = played.log;
        played.answer
    }
}

fn point_of(case: &Case, points: &[Point]) -> Result<Point, String> {
    let Some(name) = &case.point else {
        return match points {
            [only] => Ok(*only),
            _ => Err("the component fills several points; say which in `point`".to_owned()),
        };
    };
    Point::named(name)
        .filter(|point| points.contains(point))
        .ok_or_else(|| format!("the component does not fill the point `{name}`"))
}

/// What came of a case.
struct Played {
    answer: Result<Value, String>,
    time: Duration,
    log: Vec<String>,
}

/// Plays a case in an instance that is there. An error if the case itself cannot be played.
fn perform(
    case: &Case,
    manifest: &Manifest,
    point: Point,
    store: &mut Store<Sandbox>,
    instance: &Instance,
    limit: Duration,
) -> Result<Played, String> {
    let config = manifest
        .configure(&case.config)
        .map_err(|error| error.to_string())?;
    let stage = Arc::new(Stage::new(case)?);
    let terms = Arc::new(Terms {
        title: case.name.clone(),
        config,
        grants: stage.grants(case, manifest)?,
    });
    let arguments = arguments(case, point, &terms)?;
    let visitor = Visitor {
        terms,
        outside: Arc::clone(&stage) as _,
        instance: "case".to_owned(),
        correlation: "case".to_owned(),
        now: case.now,
        deadline: Instant::now() + limit,
    };
    Sandbox::enter(store, visitor);
    let asked = Instant::now();
    let answer = drive(ask(store, instance, point, &arguments), limit);
    let time = asked.elapsed();
    let last_words = store.data().last_words();
    Ok(Played {
        answer: match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) if last_words.is_empty() => Err(error),
            Some(Err(error)) => Err(format!("{error}; it wrote: {last_words}")),
            None => Err(format!("no answer within {limit:?} of processor time")),
        },
        time,
        log: stage.logged(),
    })
}

/// The case that warms an instance up before it waits for its call. Nothing of it reaches beyond the instance:
/// its store, log, keys and secrets are those of the case, and end with it.
pub(crate) struct Rehearsal {
    case: Case,
    point: Point,
    manifest: Manifest,
}

impl Rehearsal {
    /// The one that a manifest names, if it names one.
    pub(crate) fn of(
        manifest: &Manifest,
        points: &[Point],
    ) -> Result<Option<Arc<Self>>, PluginRejected> {
        let Some(name) = &manifest.warm_up else {
            return Ok(None);
        };
        let case = manifest.cases.iter().find(|case| case.name == *name);
        let case = case.ok_or_else(|| {
            PluginRejected::Manifest(format!(
                "`warm_up` names `{name}`, and no case is called so"
            ))
        })?;
        let point = point_of(case, points)
            .map_err(|reason| PluginRejected::Manifest(format!("`warm_up`: {reason}")))?;
        Ok(Some(Arc::new(Self {
            case: case.clone(),
            point,
            manifest: Manifest {
                cases: Vec::new(),
                ..manifest.clone()
            },
        })))
    }

    /// Plays it in a new instance.
    pub(crate) fn play(
        &self,
        store: &mut Store<Sandbox>,
        instance: &Instance,
        limits: &ClassLimits,
    ) -> Result<(), String> {
        let limit = limits.call_time;
        let played = perform(
            &self.case,
            &self.manifest,
            self.point,
            store,
            instance,
            limit,
        )?;
        store.data_mut().end_rehearsal();
        played.answer.map(drop)
    }
}

fn arguments(case: &Case, point: Point, terms: &Terms) -> Result<Map<String, Value>, String> {
    let mut arguments = case.args.clone();
    if let Some(token) = &case.token {
        if point != Point::Validator {
            return Err("`token` is for validators; use `args`".to_owned());
        }
        let token_type = case.token_type.as_deref().unwrap_or(TOKEN_TYPE);
        arguments.insert(
            "token".to_owned(),
            json!({"token_type": token_type, "bytes": token}),
        );
    }
    let config: Vec<Value> = terms
        .config
        .iter()
        .map(|(name, value)| json!([name, json::configured(value)]))
        .collect();
    arguments.insert(
        "call".to_owned(),
        json!({"now": case.now, "instance": "case", "correlation": "case", "config": config}),
    );
    Ok(arguments)
}

/// Calls the point's function with arguments of whatever types it has.
async fn ask(
    store: &mut Store<Sandbox>,
    instance: &Instance,
    point: Point,
    arguments: &Map<String, Value>,
) -> Result<Value, String> {
    let function = instance
        .get_export_index(&mut *store, None, &v0_1::interface(point))
        .and_then(|interface| {
            instance.get_export_index(&mut *store, Some(&interface), point.function())
        })
        .and_then(|function| instance.get_func(&mut *store, function))
        .ok_or("the function is not there")?;
    let signature = function.ty(&*store);
    let mut values = Vec::new();
    for (name, kind) in signature.params() {
        let name = name.replace('-', "_");
        let given = arguments.get(&name);
        values.push(json::read(&name, given, &kind)?);
    }
    if let Some(unknown) = arguments.keys().find(|given| {
        !signature
            .params()
            .any(|(name, _)| name.replace('-', "_") == **given)
    }) {
        return Err(format!("`args.{unknown}` is not an argument of `{point}`"));
    }
    let mut results = vec![wasmtime::component::Val::Bool(false); signature.results().len()];
    function
        .call_async(&mut *store, &values, &mut results)
        .await
        .map_err(|trap| trap.root_cause().to_string())?;
    results
        .first()
        .map(json::shown)
        .ok_or_else(|| "the function has no result".to_owned())
}

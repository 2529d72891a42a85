use std::{os::unix::fs::PermissionsExt, time::Duration};

use tempfile::TempDir;
use wasmtime::Config;
use zeroize::Zeroizing;

use super::*;
use crate::{
    HostLimits,
    compiler::{Compilation, Compiler, Loader},
    engine::{config, engine},
    limits::Class,
};

const KEY: [u8; 32] = [7; 32];

struct Shelf {
    directory: TempDir,
    engine: Engine,
}

impl Shelf {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            engine: Engine::new(&config()).unwrap(),
        }
    }

    fn place(&self, key: [u8; 32]) -> CodeCache {
        CodeCache::new(self.directory.path().join("code"), Zeroizing::new(key))
    }

    fn cache(&self, key: [u8; 32]) -> Cache {
        Cache::open(&self.place(key), 1 << 20).unwrap()
    }

    fn keep(&self, cache: &Cache, component: &[u8]) -> PathBuf {
        let code = Compiler::InProcess
            .compile(&self.engine, component)
            .unwrap();
        let name = Cache::name(&self.engine, component);
        cache.keep(&name, &code).unwrap();
        cache.directory.join(name)
    }
}

fn component(answer: u32) -> Vec<u8> {
    let text = format!(
        "(component (core module (func (export \"f\") (result i32) (i32.const {answer}))))"
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn what_is_kept_is_found_and_nobody_else_reads_it() {
    let shelf = Shelf::new();
    let cache = shelf.cache(KEY);
    let one = component(1);
    let name = Cache::name(&shelf.engine, &one);
    assert!(cache.find(&name).is_none());
    let path = shelf.keep(&cache, &one);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&path), mode(&cache.directory)), (0o600, 0o700));
    assert!(
        shelf
            .cache(KEY)
            .find(&name)
            .unwrap()
            .load(&shelf.engine)
            .is_ok()
    );
    assert!(
        cache
            .find(&Cache::name(&shelf.engine, &component(2)))
            .is_none()
    );
}

#[test]
fn wa_12_a_changed_cut_or_foreign_file_is_removed() {
    let shelf = Shelf::new();
    let cache = shelf.cache(KEY);
    let one = component(1);
    let name = Cache::name(&shelf.engine, &one);
    let path = shelf.keep(&cache, &one);
    let good = fs::read(&path).unwrap();
    let mut wrong: Vec<Vec<u8>> = [0, 31, 32, good.len() / 2, good.len() - 1]
        .into_iter()
        .map(|at| {
            let mut changed = good.clone();
            changed[at] ^= 1;
            changed
        })
        .collect();
    wrong.extend([0, 16, 32, good.len() - 1].map(|length| good[..length].to_vec()));
    wrong.push([&good[..], b"\0"].concat());
    wrong.push(good[MAC..].to_vec());
    wrong.push(vec![0; 2 << 20]);
    for bytes in wrong {
        fs::write(&path, &bytes).unwrap();
        assert!(cache.find(&name).is_none(), "{} bytes", bytes.len());
        assert!(!path.exists());
    }
    fs::write(&path, &good).unwrap();
    assert!(cache.find(&name).is_some());
    // Another installation's key.
    assert!(shelf.cache([8; 32]).find(&name).is_none());
    assert!(!path.exists());
    // Good code of another component, moved to this one's name.
    let other = shelf.keep(&cache, &component(2));
    fs::rename(&other, &path).unwrap();
    assert!(cache.find(&name).is_none());
    assert!(!path.exists());
    // A link to somewhere else.
    fs::write(&other, &good).unwrap();
    std::os::unix::fs::symlink(&other, &path).unwrap();
    assert!(cache.find(&name).is_none());
    assert!(fs::symlink_metadata(&path).is_err());
}

/// Of an engine whose code relies on less room.
fn other_config() -> Config {
    let mut config = config();
    config.memory_reservation(2 << 20);
    config
}

#[test]
fn another_configuration_has_another_name() {
    let component = component(1);
    let name = |engine: &Engine| Cache::name(engine, &component);
    let ours = Engine::new(&config()).unwrap();
    let same = Engine::new(&config()).unwrap();
    let other = Engine::new(&other_config()).unwrap();
    let plain = Engine::new(&Config::new()).unwrap();
    assert_eq!(name(&ours), name(&same));
    assert_ne!(name(&ours), name(&other));
    assert_ne!(name(&ours), name(&plain));
}

/// What a child compiles without a pool runs in the pool of its parent.
#[test]
fn the_compilers_engine_and_the_hosts_agree() {
    let component = component(1);
    for class in [Class::Light, Class::Heavy] {
        let limits = HostLimits::default().of(class);
        let serving = engine(&limits).unwrap();
        let compiling = Engine::new(&config()).unwrap();
        assert_eq!(
            Cache::name(&serving, &component),
            Cache::name(&compiling, &component)
        );
        let code = Compiler::InProcess.compile(&compiling, &component).unwrap();
        assert!(code.load(&serving).is_ok());
    }
}

#[test]
fn what_was_used_least_recently_goes_first() {
    let shelf = Shelf::new();
    let roomy = shelf.cache(KEY);
    let old = |path: &Path, hours: u64| {
        let then = SystemTime::now() - Duration::from_secs(hours * 3600);
        File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(then)
            .unwrap();
    };
    let (one, two) = (
        shelf.keep(&roomy, &component(1)),
        shelf.keep(&roomy, &component(2)),
    );
    old(&one, 3);
    old(&two, 2);
    assert!(
        roomy
            .find(&Cache::name(&shelf.engine, &component(1)))
            .is_some()
    );
    let length = fs::metadata(&one).unwrap().len();
    let narrow = Cache::open(
        &CodeCache {
            bytes: 2 * length + length / 2,
            ..shelf.place(KEY)
        },
        1 << 20,
    )
    .unwrap();
    let three = shelf.keep(&narrow, &component(3));
    assert_eq!(
        [one.exists(), two.exists(), three.exists()],
        [true, false, true]
    );
    // Even if it has room for none, the newest is there for the next start.
    let none = Cache::open(
        &CodeCache {
            bytes: 0,
            ..shelf.place(KEY)
        },
        1 << 20,
    )
    .unwrap();
    let four = shelf.keep(&none, &component(4));
    assert_eq!(
        [one.exists(), three.exists(), four.exists()],
        [false, false, true]
    );
}

#[test]
fn what_a_crash_left_is_cleared() {
    let shelf = Shelf::new();
    let left = shelf.cache(KEY).directory.join("ab.new");
    fs::write(&left, "half").unwrap();
    drop(shelf.cache(KEY));
    assert!(!left.exists());
}

#[test]
fn wa_12_a_loader_compiles_again_what_was_tampered_with() {
    let shelf = Shelf::new();
    let loader = Loader::open(Compilation {
        cache: Some(shelf.place(KEY)),
        ..Compilation::default()
    })
    .unwrap();
    let one = component(1);
    let path = shelf
        .place(KEY)
        .directory
        .join(Cache::name(&shelf.engine, &one));
    assert!(loader.load(&shelf.engine, &one).is_ok());
    let good = fs::read(&path).unwrap();
    // Loading what is kept does not write.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(loader.load(&shelf.engine, &one).is_ok());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o400
    );
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"\x7fELF and no more").unwrap();
    assert!(loader.load(&shelf.engine, &one).is_ok());
    assert_eq!(fs::read(&path).unwrap().len(), good.len());
    // Authentic, and yet of no use to this engine.
    let cache = shelf.cache(KEY);
    let other = Engine::new(&other_config()).unwrap();
    let foreign = Compiler::InProcess.compile(&other, &one).unwrap();
    cache
        .keep(&Cache::name(&shelf.engine, &one), &foreign)
        .unwrap();
    assert!(loader.load(&shelf.engine, &one).is_ok());
    assert_eq!(fs::read(&path).unwrap().len(), good.len());
}

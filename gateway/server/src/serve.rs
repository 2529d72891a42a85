//! Runs the gateway.

use std::io;

use crate::{
    config::Config,
    data_directory::{DataDirectory, DataDirectoryError},
    store::{Store, StoreError},
};

/// Why the gateway stopped, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    /// The runtime or a signal handler could not be set up.
    #[error("the runtime cannot be set up")]
    Runtime(#[from] io::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the data directory and the store and waits to be interrupted.
pub fn serve(config: Config) -> Result<(), ServeError> {
    let directory = DataDirectory::open(&config.data_dir)?;
    drop(config);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let store = Store::open(&directory.store_file()).await?;
        eprintln!("cambist is up");
        tokio::signal::ctrl_c().await?;
        store.close().await;
        Ok(())
    })
}

//! Keep-alive load from a thread of its own.

use hyper::{Method, StatusCode};
use tests::http::{Connection, Failure};

/// One request of a load.
#[derive(Clone)]
pub(crate) struct Request {
    /// Method.
    pub method: Method,
    /// URL.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

/// Sends `requests` by turns over `connections` until `total` were answered, all with 200.
pub(crate) fn run(requests: Vec<Request>, connections: usize, total: usize) -> Result<(), Failure> {
    let thread = std::thread::Builder::new()
        .name("load".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async move {
                let tasks: Vec<_> = (0..connections)
                    .map(|index| {
                        tokio::spawn(one(
                            requests.clone(),
                            index,
                            connections,
                            total / connections,
                        ))
                    })
                    .collect();
                for task in tasks {
                    task.await??;
                }
                Ok::<(), Failure>(())
            })
        })?;
    thread.join().map_err(|_| "the load panicked")?
}

async fn one(
    requests: Vec<Request>,
    first: usize,
    stride: usize,
    count: usize,
) -> Result<(), Failure> {
    let url = requests.first().ok_or("no request")?.url.clone();
    let mut connection = Connection::open(&url).await?;
    for turn in 0..count {
        let request = requests
            .get((first + turn * stride) % requests.len())
            .ok_or("no request")?;
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let reply = connection
            .send(
                request.method.clone(),
                &request.url,
                &headers,
                request.body.clone(),
            )
            .await?;
        if reply.status != StatusCode::OK {
            return Err(format!("{}: {}", reply.status, reply.text()).into());
        }
    }
    Ok(())
}

//! HTTP: submit, read, moderate; the Akismet interface; the sample article and the mailbox of the dev mode.
//!
//! Requests are parsed once, here; what passes becomes an event on the log, and only then is a submission
//! acknowledged. Reading goes through the comment store's read model. Nothing private is in any answer to readers.

mod akismet;
mod append;
mod assets;
mod client;
mod cors;
mod dev;
mod limit;
mod metrics;
mod moderate;
mod negotiate;
mod page;
mod problem;
mod query;
mod read;
mod settings;
mod submit;

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc};

use axum::{
    Router, middleware,
    routing::{MethodRouter, get, post},
    serve::ListenerExt,
};
use rejoinder_comment_store::Store;
use rejoinder_pipeline::{
    Live, Publisher,
    health::{self, Health, State},
};
use rejoinder_proto::{token::TokenKeys, v1};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use akismet::{Akismet, AkismetKeys, CommentCheck, KeyError};
use problem::{Problem, ProblemKind};
pub use settings::{Dev, Settings, Site};
pub use submit::{HONEYPOT_FIELD, IDEMPOTENCY_KEY, REDIRECT_FIELD, SHOWN_AT_FIELD, id_of_key};

/// The name of this worker in health pages and `ce_source`.
pub const NAME: &str = "gateway";

/// Says everything that is wrong with a submission's fields. The validator's own check is passed in, so that a reader
/// sees at once what the validator would say later.
pub type FieldCheck = Arc<dyn Fn(&v1::CommentSubmitted) -> Result<(), Vec<v1::FieldError>> + Send + Sync>;

/// What the gateway works with.
#[derive(Clone)]
pub struct Gateway {
    /// Where submissions and decisions go.
    pub publisher: Arc<dyn Publisher>,
    /// Where comments are read.
    pub store: Arc<dyn Store>,
    /// The sites by name; a request for any other is a 404.
    pub sites: Live<HashMap<String, Site>>,
    /// Verifies the tokens in moderators' links.
    pub tokens: TokenKeys,
    /// Checks a submission's fields.
    pub check: FieldCheck,
    /// The Akismet interface; `None` serves nobody.
    pub akismet: Option<Akismet>,
    /// The process's health, for `/readyz`.
    pub health: Arc<Health>,
    /// Limits and time-outs.
    pub settings: Settings,
    /// The sample article and the mailbox; `None` in production.
    pub dev: Option<Dev>,
}

/// What handlers share: the gateway, and what it keeps between requests.
struct Shared {
    gateway: Gateway,
    limiter: Option<limit::Limiter>,
    usage: akismet::Usage,
    metrics: metrics::Metrics,
}

impl Shared {
    fn site(&self, name: &str) -> Result<Site, Problem> {
        let site = self.gateway.sites.now().get(name).cloned();
        site.ok_or_else(|| Problem::new(ProblemKind::NotFound, "no site of this name is served here"))
    }
}

type Route = (&'static str, MethodRouter<Arc<Shared>>);

/// What the pages of other origins may call.
fn api() -> Vec<Route> {
    vec![
        ("/v1/sites/{site}/comments", post(submit::submit).get(read::thread)),
        ("/v1/sites/{site}/recent", get(read::recent)),
        ("/v1/sites/{site}/counts", get(read::counts)),
        ("/v1/comments/{id}", get(read::fate)),
    ]
}

fn pages() -> Vec<Route> {
    vec![("/moderate/{token}", get(moderate::show).post(moderate::act)), ("/assets/{file}", get(assets::serve))]
}

fn with(routes: Vec<Route>) -> Router<Arc<Shared>> {
    routes.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

/// The path of every route but for those of the dev mode, as `docs/openapi.yaml` has them.
pub fn paths() -> Vec<&'static str> {
    let ours = [api(), pages(), akismet::routes()].into_iter().flatten().map(|(path, _)| path);
    ours.chain(health::PATHS).collect()
}

/// Every route, with the probe pages. The gateway counts as ready from here on: it holds no state, and whether the log
/// or the database is there, each request finds out. Going unready would take the answer 503 from readers, too.
pub fn router(gateway: Gateway) -> Router {
    gateway.health.set(NAME, State::Ready);
    let probes = health::probes(gateway.health.clone()).with_state(());
    let cors = cors::layer(gateway.sites.clone());
    let limiter = limit::Limiter::new(gateway.settings.submit_per_minute, gateway.settings.submit_burst);
    let usage = akismet::Usage::new(&gateway.settings);
    let dev = gateway.dev.is_some();
    let shared = Arc::new(Shared { gateway, limiter, usage, metrics: metrics::Metrics::new() });
    let api = with(api())
        // Before the layer, so that it stands behind it: preflights come with a method that no route has.
        .method_not_allowed_fallback(negotiate::method_not_allowed)
        .layer(cors);
    let mut routes = api.merge(with(pages())).merge(with(akismet::routes()));
    if dev {
        routes = routes.merge(dev::routes());
    }
    routes
        .merge(probes)
        .method_not_allowed_fallback(negotiate::method_not_allowed)
        .fallback(negotiate::not_found)
        .layer(middleware::from_fn_with_state(shared.clone(), metrics::record))
        .with_state(shared)
}

/// Serves a router until `stop`, then finishes the requests in hand.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    // Small answers must not wait for the peer's delayed acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay could not be set");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
}

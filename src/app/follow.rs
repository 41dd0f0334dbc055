//! What follows the table and the source from the side.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::admin;
use crate::proxy::Opener;
use crate::source::{Refused, State};
use crate::table::TableHandle;
use crate::tls::{ServerTls, TicketKeys};

/// How often the file with ticket keys is read.
const REREAD: Duration = Duration::from_secs(2);

/// Gives new certificates to the TLS side as tables come. `loaded` learns when those of the first
/// table are in use.
pub(super) async fn certificates(
    table: TableHandle,
    tls: Arc<ServerTls>,
    loaded: watch::Sender<bool>,
) {
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let mut known = None;
    loop {
        tick.tick().await;
        let table = table.load();
        let now = Arc::clone(table.certificates());
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &now)) {
            continue;
        }
        for wrong in tls.update(&now) {
            tracing::warn!("{wrong}");
        }
        if table.generation() > 0 {
            known = Some(now);
            loaded.send_if_modified(|loaded| !std::mem::replace(loaded, true));
        }
    }
}

/// Keeps the keys of session tickets current: those of the file as it changes, else new ones of its
/// own from time to time. A file that is no use changes nothing.
pub(super) async fn tickets(file: Option<PathBuf>, tls: Arc<ServerTls>) {
    let Some(path) = file else {
        loop {
            tokio::time::sleep(TicketKeys::ROTATION).await;
            if let Err(error) = tls.tickets().rotate() {
                tracing::warn!("{error}: those in use stay");
            }
        }
    };
    let mut known = None;
    loop {
        let text = tokio::fs::read_to_string(&path).await.map_err(|error| error.to_string());
        if known.as_ref() != Some(&text) {
            let used = text
                .clone()
                .and_then(|text| tls.tickets().replace(&text).map_err(|error| error.to_string()));
            let path = path.display();
            match used {
                Ok(()) if known.is_some() => tracing::info!("uses the keys of {path}"),
                Ok(()) => {}
                Err(why) => {
                    tracing::warn!("--tls-ticket-key-file {path}: {why}; the keys in use stay");
                }
            }
            known = Some(text);
        }
        tokio::time::sleep(REREAD).await;
    }
}

/// Lets probes see how the source is and what of it is refused, and clients in once there is something to serve.
pub(super) async fn readiness(
    (mut state, mut judged): (watch::Receiver<State>, watch::Receiver<Refused>),
    table: TableHandle,
    certificates: watch::Receiver<bool>,
    readiness: Arc<admin::Readiness>,
    opener: Opener,
) {
    let is_served = || table.load().generation() > 0 && *certificates.borrow();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        let now = state.borrow_and_update().clone();
        readiness.set_trouble(now.trouble);
        readiness.set_refused(now.refused.count, now.refused.first);
        let Refused { count, first } = judged.borrow_and_update().clone();
        readiness.set_judged(count, first);
        let is_settled = !now.synced || is_served();
        if now.synced && is_settled {
            readiness.set_synced();
            opener.open();
        }
        tokio::select! {
            changed = state.changed(), if is_settled => if changed.is_err() {
                std::future::pending::<()>().await;
            },
            changed = judged.changed(), if is_settled => if changed.is_err() {
                std::future::pending::<()>().await;
            },
            _ = tick.tick(), if !is_settled => {}
        }
    }
}

//! The control side: what keeps the table and the status of pools current.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{events, follow};
use crate::api::{EventNote, IngressUpdate, ObjectKey, StatusUpdate};
use crate::config::RunArgs;
use crate::metrics::Metrics;
use crate::proxy::Opener;
use crate::reconcile::{self, Outlets, Reconciler};
use crate::source::file::Directory;
use crate::source::{self, State};
use crate::table::TableHandle;
use crate::tls::ServerTls;
use crate::upstream::{self, Pools, Readers, Surroundings};
use crate::{admin, health, status, translate};

/// How many batches and updates may wait between two parts.
const WAITING: usize = 256;

/// Origin is where objects come from.
pub(super) enum Origin {
    /// A directory of manifests.
    Directory(Box<Directory>),
    /// A cluster.
    Cluster(kube::Client),
}

impl Origin {
    /// Returns the client, in a cluster.
    pub(super) fn client(&self) -> Option<&kube::Client> {
        match self {
            Self::Directory(_) => None,
            Self::Cluster(client) => Some(client),
        }
    }
}

/// Parts are what the control side works on.
pub(super) struct Parts {
    pub(super) table: TableHandle,
    pub(super) pools: Arc<Pools>,
    pub(super) readers: Readers,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tls: Arc<ServerTls>,
    pub(super) readiness: Arc<admin::Readiness>,
    /// Where this process listens, as others reach it.
    pub(super) own: BTreeSet<SocketAddr>,
    /// Where this process runs.
    pub(super) place: Surroundings,
    pub(super) opener: Opener,
}

struct Told {
    updates: mpsc::Receiver<StatusUpdate>,
    ingresses: mpsc::Receiver<IngressUpdate>,
    notes: mpsc::Receiver<EventNote>,
    note_sender: mpsc::Sender<EventNote>,
}

/// Starts every part of the control side. None of them ends by itself.
pub(super) fn start(
    args: &RunArgs,
    origin: Origin,
    parts: Parts,
    shutdown: watch::Receiver<bool>,
) -> JoinSet<()> {
    let Parts { table, pools, readers, metrics, tls, readiness, opener, own, place } = parts;
    let mut tasks = JoinSet::new();
    let (batch_sender, batches) = mpsc::channel(WAITING);
    let (update_sender, updates) = mpsc::channel(WAITING);
    let (ingress_sender, ingresses) = mpsc::channel(WAITING);
    let (note_sender, notes) = mpsc::channel(WAITING);
    let (single_sender, singles) = watch::channel(BTreeSet::new());
    let (name_sender, names) = watch::channel(BTreeSet::new());
    let (state_sender, state) = watch::channel(State::default());
    let (refused_sender, refused) = watch::channel(source::Refused::default());
    let options = translate::Options {
        standalone: origin.client().is_none(),
        ingress_class: args.ingress_class.as_str().into(),
        controller: args.controller.as_str().into(),
        lacks_zone: place.zone.is_none(),
        lacks_region: place.region.is_none(),
        own,
    };
    let reconciler =
        Reconciler::new(options, table.clone(), Arc::clone(&pools), Arc::clone(&metrics));
    let outlets = Outlets {
        pools: update_sender,
        ingresses: ingress_sender,
        notes: note_sender.clone(),
        singles: single_sender,
        names: name_sender,
        refused: refused_sender,
    };
    tasks.spawn(source::dns::run(names, batch_sender.clone(), Arc::clone(&metrics)));
    tasks.spawn(reconcile::run(reconciler, batches, outlets));
    tasks.spawn(upstream::upkeep::run(pools, readers.dirty));
    tasks.spawn(health::run(table.clone(), Arc::clone(&metrics), health::Options::default()));
    let (loaded, certificates) = watch::channel(false);
    tasks.spawn(follow::tickets(args.tls_ticket_key_file.clone(), Arc::clone(&tls)));
    tasks.spawn(follow::certificates(table.clone(), tls, loaded));
    tasks.spawn(follow::readiness((state, refused), table, certificates, readiness, opener));
    tasks.spawn(events::run(readers.events, note_sender.clone()));
    let told = Told { updates, ingresses, notes, note_sender };
    match origin {
        Origin::Cluster(client) => {
            let namespace = args.watch_namespace.clone();
            let source = source::kubernetes::run(
                client.clone(),
                source::kubernetes::Options { namespace },
                batch_sender,
                singles,
                state_sender,
                Arc::clone(&metrics),
            );
            tasks.spawn(source);
            write_status(&mut tasks, args, client, told, &metrics, shutdown);
        }
        Origin::Directory(directory) => {
            tasks.spawn(source::file::run(*directory, batch_sender, state_sender, metrics));
            tasks.spawn(status::run_standalone(told.updates, told.ingresses, told.notes));
        }
    }
    tasks
}

fn write_status(
    tasks: &mut JoinSet<()>,
    args: &RunArgs,
    client: kube::Client,
    told: Told,
    metrics: &Arc<Metrics>,
    shutdown: watch::Receiver<bool>,
) {
    let identity = args.pod_name.clone().unwrap_or_else(|| format!("weir-{}", std::process::id()));
    let lease = status::LeaseOptions {
        namespace: args.namespace.clone(),
        name: args.lease.clone(),
        identity: identity.clone(),
    };
    let (lead_sender, leads) = watch::channel(false);
    let elected = status::elect(client.clone(), lease, lead_sender, shutdown);
    tasks.spawn(async move {
        elected.await;
        // The election ends with the process; until then the other parts go on.
        std::future::pending::<()>().await;
    });
    let writer =
        status::run_writer(client.clone(), told.updates, leads.clone(), Arc::clone(metrics));
    tasks.spawn(writer);
    write_ingresses(
        tasks,
        args,
        client.clone(),
        (told.ingresses, told.note_sender),
        &leads,
        metrics,
    );
    tasks.spawn(status::run_notes(client, identity, told.notes, leads, Arc::clone(metrics)));
}

/// Starts what writes the status of Ingresses, and what knows where they are served.
fn write_ingresses(
    tasks: &mut JoinSet<()>,
    args: &RunArgs,
    client: kube::Client,
    (updates, notes): (mpsc::Receiver<IngressUpdate>, mpsc::Sender<EventNote>),
    leads: &watch::Receiver<bool>,
    metrics: &Arc<Metrics>,
) {
    let fixed: Vec<_> = args.publish_address.iter().map(|text| status::address(text)).collect();
    let (sender, addresses) = watch::channel((!fixed.is_empty()).then_some(fixed));
    if let (Some(service), true) = (&args.publish_service, args.publish_address.is_empty()) {
        let key = ObjectKey::new(service.namespace.clone(), service.name.clone());
        let followed = status::follow_published(client.clone(), key, sender);
        tasks.spawn(followed);
    }
    let inlets = status::Inlets { updates, addresses, leads: leads.clone() };
    let namespace = args.watch_namespace.clone();
    let writer = status::run_ingresses(client, namespace, inlets, notes, Arc::clone(metrics));
    tasks.spawn(writer);
}

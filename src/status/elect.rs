//! Holds a lease: the client side of `lease`.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::lease::{Observer, Record, Step};

/// LeaseOptions say which lease decides, and who asks.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// Namespace of the lease.
    pub namespace: String,
    /// Name of the lease.
    pub name: String,
    /// Name of this process; no other may have it.
    pub identity: String,
}

/// A holder that has not renewed for this long is gone.
const LEASE: Duration = Duration::from_secs(15);
/// Time between two renewals.
const RENEW: Duration = Duration::from_secs(5);
/// Time between two looks at another's lease.
const POLL: Duration = Duration::from_secs(2);
/// A holder that could not renew for this long steps back, before another may take over.
const STEP_BACK: Duration = Duration::from_secs(12);

/// Takes part in the election until `shutdown` says so, then gives the lease back.
///
/// `leads` says at all times whether this process holds the lease.
pub async fn elect(
    client: Client,
    options: LeaseOptions,
    leads: watch::Sender<bool>,
    mut shutdown: watch::Receiver<bool>,
) {
    let api: Api<Lease> = Api::namespaced(client, &options.namespace);
    tokio::select! {
        () = campaign(&api, &options, &leads) => {}
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
    if *leads.borrow() {
        leads.send_replace(false);
        // A lease that cannot be given back runs out by itself.
        let _ = timeout(POLL, release(&api, &options)).await;
    }
}

async fn campaign(api: &Api<Lease>, options: &LeaseOptions, leads: &watch::Sender<bool>) {
    let mut observer = Observer::new(options.identity.clone(), LEASE, POLL);
    let mut renewed = Instant::now();
    let mut was_refused = false;
    loop {
        let began = Instant::now();
        // A server that hangs must not keep a holder in office.
        let answer = timeout(RENEW, round(api, options, &mut observer)).await;
        let was_answered = matches!(answer, Ok(Ok(_)));
        let pause = match answer {
            Ok(Ok(Step::Take)) => {
                renewed = began;
                set(leads, true, options);
                RENEW
            }
            Ok(Ok(Step::Wait(time))) => {
                set(leads, false, options);
                time
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                debug!(lease = %options.name, "another replica was first");
                Duration::from_millis(fastrand::u64(50..500))
            }
            Ok(Err(error)) => {
                if !std::mem::replace(&mut was_refused, true) {
                    warn_of(&error, options);
                }
                POLL
            }
            Err(_) => POLL,
        };
        was_refused &= !was_answered;
        if began.duration_since(renewed) >= STEP_BACK {
            set(leads, false, options);
        }
        sleep(pause).await;
    }
}

fn warn_of(error: &kube::Error, options: &LeaseOptions) {
    let LeaseOptions { namespace, name, .. } = options;
    match error {
        kube::Error::Api(status) if status.code == 403 => warn!(
            "no leave to use the lease {namespace}/{name}: the status of pools stays as it is until the \
             service account may get, create and update leases there ({})",
            status.message
        ),
        error => warn!("the lease {namespace}/{name} cannot be read or written: {error}"),
    }
}

fn set(leads: &watch::Sender<bool>, leading: bool, options: &LeaseOptions) {
    let changed = leads.send_if_modified(|now| std::mem::replace(now, leading) != leading);
    match (changed, leading) {
        (true, true) => {
            info!(lease = %options.name, identity = %options.identity, "writes status from now on");
        }
        (true, false) => info!(lease = %options.name, "writes status no more"),
        (false, _) => {}
    }
}

/// Looks at the lease and writes it if it is to be taken.
async fn round(
    api: &Api<Lease>,
    options: &LeaseOptions,
    observer: &mut Observer,
) -> Result<Step, kube::Error> {
    let Some(mut lease) = api.get_opt(&options.name).await? else {
        let metadata = ObjectMeta { name: Some(options.name.clone()), ..ObjectMeta::default() };
        let mut lease = Lease { metadata, spec: None };
        claim(&mut lease, &options.identity);
        api.create(&PostParams::default(), &lease).await?;
        return Ok(Step::Take);
    };
    let step = observer.decide(record(&lease), Instant::now());
    if step == Step::Take {
        claim(&mut lease, &options.identity);
        // The version goes with it: whoever wrote since then makes this fail with 409.
        api.replace(&options.name, &PostParams::default(), &lease).await?;
    }
    Ok(step)
}

fn record(lease: &Lease) -> Record {
    let Some(spec) = &lease.spec else { return Record::default() };
    let renewed = spec.renew_time.as_ref().map(|time| time.0.to_string()).unwrap_or_default();
    Record { holder: spec.holder_identity.clone().unwrap_or_default(), renewed }
}

fn claim(lease: &mut Lease, identity: &str) {
    let now = MicroTime(Timestamp::now());
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    if spec.holder_identity.as_deref() != Some(identity) {
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
        spec.acquire_time = Some(now.clone());
    }
    spec.holder_identity = Some(identity.to_owned());
    spec.lease_duration_seconds = Some(LEASE.as_secs() as i32);
    spec.renew_time = Some(now);
}

async fn release(api: &Api<Lease>, options: &LeaseOptions) -> Result<(), kube::Error> {
    let mut lease = api.get(&options.name).await?;
    if let Some(spec) = &mut lease.spec
        && spec.holder_identity.as_deref() == Some(&options.identity)
    {
        spec.holder_identity = None;
        api.replace(&options.name, &PostParams::default(), &lease).await?;
    }
    Ok(())
}

//! All objects at one moment, and one change of them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Node, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use serde::{Deserialize, Serialize};

use super::{BackendPool, ReferenceGrant};

/// ObjectKey names an object of a known kind. Cluster-scoped objects have an empty namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// Makes a key.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// ObjectRef names an object of any kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Kind.
    pub kind: Kind,
    /// Namespace and name.
    pub key: ObjectKey,
}

impl ObjectRef {
    /// Makes a reference.
    pub fn new(kind: Kind, key: ObjectKey) -> Self {
        Self { kind, key }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.key)
    }
}

/// Kind is a kind of object that Weir reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// weir.dev/v1alpha1 BackendPool.
    BackendPool,
    /// v1 ConfigMap.
    ConfigMap,
    /// The addresses of a name; no kind of the API server's.
    DnsRecord,
    /// discovery.k8s.io/v1 EndpointSlice.
    EndpointSlice,
    /// networking.k8s.io/v1 Ingress.
    Ingress,
    /// networking.k8s.io/v1 IngressClass.
    IngressClass,
    /// v1 Node.
    Node,
    /// gateway.networking.k8s.io/v1beta1 ReferenceGrant.
    ReferenceGrant,
    /// v1 Secret.
    Secret,
    /// v1 Service.
    Service,
}

impl Kind {
    /// Returns whether objects of the kind are in namespaces.
    pub fn is_namespaced(self) -> bool {
        !matches!(self, Self::DnsRecord | Self::IngressClass | Self::Node)
    }

    /// Returns the kind as people write several.
    pub fn plural(self) -> String {
        let ending = if self.as_str().ends_with('s') { "es" } else { "s" };
        format!("{}{ending}", self.as_str())
    }

    /// Returns the kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BackendPool => "BackendPool",
            Self::ConfigMap => "ConfigMap",
            Self::DnsRecord => "DnsRecord",
            Self::EndpointSlice => "EndpointSlice",
            Self::Ingress => "Ingress",
            Self::IngressClass => "IngressClass",
            Self::Node => "Node",
            Self::ReferenceGrant => "ReferenceGrant",
            Self::Secret => "Secret",
            Self::Service => "Service",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Object is one object that Weir reads, trimmed to what it reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A pool.
    BackendPool(Arc<BackendPool>),
    /// Certificates of authorities.
    ConfigMap(Arc<ConfigMap>),
    /// Addresses of a name.
    DnsRecord(Arc<DnsRecord>),
    /// Endpoints of a Service.
    EndpointSlice(Arc<EndpointSlice>),
    /// Routes to Services.
    Ingress(Arc<Ingress>),
    /// Whose the Ingresses of a class are.
    IngressClass(Arc<IngressClass>),
    /// A node, for its zone and region.
    Node(Arc<Node>),
    /// Leave to refer across namespaces.
    ReferenceGrant(Arc<ReferenceGrant>),
    /// A certificate.
    Secret(Arc<Secret>),
    /// A Service, for its ports.
    Service(Arc<Service>),
    /// An object that could not be read as what it says it is.
    Invalid(Arc<InvalidObject>),
}

/// InvalidObject is an object that could not be read as what it says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidObject {
    /// Generation of its spec, where it has one.
    pub generation: Option<i64>,
    /// What is wrong, where, and what would be right.
    pub message: String,
}

/// DnsRecord is what a name leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsRecord {
    /// Addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// Why there are none.
    pub trouble: Option<String>,
}

/// Change is the new state of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Kind of the object.
    pub kind: Kind,
    /// Name of the object.
    pub key: ObjectKey,
    /// The object, or nothing when it was deleted.
    pub object: Option<Object>,
}

/// Objects is every object at one moment, in a fixed order.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Objects {
    /// Pools.
    pub backend_pools: BTreeMap<ObjectKey, Arc<BackendPool>>,
    /// ConfigMaps: those that some pool refers to, and no others.
    pub config_maps: BTreeMap<ObjectKey, Arc<ConfigMap>>,
    /// Addresses of names that some Service is an alias for, by name.
    pub dns_records: BTreeMap<ObjectKey, Arc<DnsRecord>>,
    /// EndpointSlices.
    pub endpoint_slices: BTreeMap<ObjectKey, Arc<EndpointSlice>>,
    /// Ingresses, foreign ones too.
    pub ingresses: BTreeMap<ObjectKey, Arc<Ingress>>,
    /// Classes of Ingresses, by name.
    pub ingress_classes: BTreeMap<ObjectKey, Arc<IngressClass>>,
    /// Nodes, by name.
    pub nodes: BTreeMap<ObjectKey, Arc<Node>>,
    /// Grants.
    pub reference_grants: BTreeMap<ObjectKey, Arc<ReferenceGrant>>,
    /// Secrets: those that some pool or Ingress refers to, and no others.
    pub secrets: BTreeMap<ObjectKey, Arc<Secret>>,
    /// What Secrets that are broken now held before, while it is to stay in use.
    pub last_good_secrets: BTreeMap<ObjectKey, Arc<Secret>>,
    /// What held certificates of authorities before it broke, while they are to stay in use.
    pub last_good_authorities: BTreeMap<ObjectRef, Object>,
    /// Services.
    pub services: BTreeMap<ObjectKey, Arc<Service>>,
    /// Objects that could not be read.
    pub invalid: BTreeMap<(Kind, ObjectKey), Arc<InvalidObject>>,
}

impl Objects {
    /// Applies one change; returns whether anything is different now.
    pub fn apply(&mut self, change: Change) -> bool {
        fn put<K: Ord, T: PartialEq>(map: &mut BTreeMap<K, Arc<T>>, key: K, new: Arc<T>) -> bool {
            map.insert(key, Arc::clone(&new)).is_none_or(|old| old != new)
        }
        let Change { kind, key, object } = change;
        let invalid_key = (kind, key);
        if let Some(Object::Invalid(why)) = object {
            let removed = self.remove(invalid_key.0, &invalid_key.1);
            return put(&mut self.invalid, invalid_key, why) || removed;
        }
        let was_invalid = self.invalid.remove(&invalid_key).is_some();
        let (kind, key) = invalid_key;
        let changed = match object {
            None => self.remove(kind, &key),
            Some(Object::BackendPool(new)) => put(&mut self.backend_pools, key, new),
            Some(Object::ConfigMap(new)) => put(&mut self.config_maps, key, new),
            Some(Object::DnsRecord(new)) => put(&mut self.dns_records, key, new),
            Some(Object::EndpointSlice(new)) => put(&mut self.endpoint_slices, key, new),
            Some(Object::Ingress(new)) => put(&mut self.ingresses, key, new),
            Some(Object::IngressClass(new)) => put(&mut self.ingress_classes, key, new),
            Some(Object::Node(new)) => put(&mut self.nodes, key, new),
            Some(Object::ReferenceGrant(new)) => put(&mut self.reference_grants, key, new),
            Some(Object::Secret(new)) => put(&mut self.secrets, key, new),
            Some(Object::Service(new)) => put(&mut self.services, key, new),
            Some(Object::Invalid(_)) => false,
        };
        changed || was_invalid
    }

    fn remove(&mut self, kind: Kind, key: &ObjectKey) -> bool {
        match kind {
            Kind::BackendPool => self.backend_pools.remove(key).is_some(),
            Kind::ConfigMap => self.config_maps.remove(key).is_some(),
            Kind::DnsRecord => self.dns_records.remove(key).is_some(),
            Kind::EndpointSlice => self.endpoint_slices.remove(key).is_some(),
            Kind::Ingress => self.ingresses.remove(key).is_some(),
            Kind::IngressClass => self.ingress_classes.remove(key).is_some(),
            Kind::Node => self.nodes.remove(key).is_some(),
            Kind::ReferenceGrant => self.reference_grants.remove(key).is_some(),
            Kind::Secret => self.secrets.remove(key).is_some(),
            Kind::Service => self.services.remove(key).is_some(),
        }
    }
}

//! Which EndpointSlices belong to which Service.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::api::{ObjectKey, Objects};

/// Slices knows which EndpointSlices belong to which Service.
#[derive(Clone, Debug, Default)]
pub(super) struct Slices {
    of_service: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
    service_of: BTreeMap<ObjectKey, ObjectKey>,
}

impl Slices {
    /// Makes it of all slices.
    pub(super) fn of(objects: &Objects) -> Self {
        let mut slices = Self::default();
        for key in objects.endpoint_slices.keys() {
            slices.update(objects, key);
        }
        slices
    }

    /// Follows a change of one slice; returns the Services it belonged to and belongs to.
    pub(super) fn update(&mut self, objects: &Objects, key: &ObjectKey) -> Vec<ObjectKey> {
        let new = objects.endpoint_slices.get(key).and_then(|slice| service(key, slice));
        let old = match &new {
            Some(new) => self.service_of.insert(key.clone(), new.clone()),
            None => self.service_of.remove(key),
        };
        if let Some(old) = &old
            && let Some(set) = self.of_service.get_mut(old)
        {
            set.remove(key);
            if set.is_empty() {
                self.of_service.remove(old);
            }
        }
        if let Some(new) = &new {
            self.of_service.entry(new.clone()).or_default().insert(key.clone());
        }
        old.into_iter().chain(new).collect()
    }

    /// Returns the slices of a Service, in the order of their names.
    pub(super) fn of_service<'a>(
        &'a self,
        objects: &'a Objects,
        service: &ObjectKey,
    ) -> impl Iterator<Item = &'a EndpointSlice> {
        self.of_service
            .get(service)
            .into_iter()
            .flatten()
            .filter_map(|key| objects.endpoint_slices.get(key).map(AsRef::as_ref))
    }
}

/// Returns the Service of a slice: the label alone says it, and only in its own namespace.
/// Source: Kubernetes EndpointSlice, label kubernetes.io/service-name.
fn service(key: &ObjectKey, slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.as_ref()?.get("kubernetes.io/service-name")?;
    Some(ObjectKey::new(key.namespace.clone(), name.clone()))
}

//! ReferenceGrant, as far as Weir reads it.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// ReferenceGrantSpec allows objects of other namespaces to refer to objects of this one.
/// Source: Gateway API ReferenceGrant v1beta1.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1beta1",
    kind = "ReferenceGrant",
    plural = "referencegrants",
    namespaced,
    derive = "PartialEq"
)]
pub struct ReferenceGrantSpec {
    /// Who may refer.
    #[serde(default)]
    pub from: Vec<GrantFrom>,
    /// To what.
    #[serde(default)]
    pub to: Vec<GrantTo>,
}

/// GrantFrom says whose references are allowed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct GrantFrom {
    /// API group of the referring object.
    #[serde(default)]
    pub group: String,
    /// Kind of the referring object.
    pub kind: String,
    /// Namespace of the referring object.
    pub namespace: String,
}

/// GrantTo says what may be referred to.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct GrantTo {
    /// API group; empty is the core group.
    #[serde(default)]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name; absent is every object of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

//! Which clients may ask.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Access says which clients may ask, by their address: the peer's, or what a PROXY header or
/// trusted proxies in front say. Others get 403.
///
/// Source: the lists are those of `whitelist-source-range` and `denylist-source-range` of
/// ingress-nginx, and `ipAllowList` of Traefik.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.allow) || has(self.deny)")
    .message("access needs allow or deny: without either everybody may ask"))]
pub struct Access {
    /// Networks (CIDR) whose clients alone may ask. 1 to 512. Default is everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 512),
        inner(length(min = 3, max = 49), regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"))
    )]
    pub allow: Option<Vec<String>>,

    /// Networks (CIDR) whose clients may not ask, also where `allow` has them. 1 to 512. Default is
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 512),
        inner(length(min = 3, max = 49), regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"))
    )]
    pub deny: Option<Vec<String>>,
}

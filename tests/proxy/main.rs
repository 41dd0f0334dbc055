//! The data path over real sockets: clients, a proxy and fake endpoints.

mod bodies;
mod rig;
mod routing;

#[path = "../support"]
mod support {
    pub mod client;
    pub mod endpoint;
}

//! What goes wrong and what is changed meanwhile.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use crate::world::{KILLED, World};

/// Starts everything that changes.
pub fn start(world: &Rc<World>) -> Vec<JoinHandle<()>> {
    let (killer, changer) = (Rc::clone(world), Rc::clone(world));
    let (rotator, breaker) = (Rc::clone(world), Rc::clone(world));
    vec![
        spawn_local(async move {
            while !killer.is_over() {
                pause(&killer, 5).await;
                killer.set_alive(KILLED, false);
                pause(&killer, 2).await;
                killer.set_alive(KILLED, true);
            }
        }),
        spawn_local(async move {
            for version in 0.. {
                pause(&changer, 1).await;
                if changer.is_over() {
                    return;
                }
                changer.reroute(version);
            }
        }),
        spawn_local(async move {
            while !rotator.is_over() {
                pause(&rotator, 3).await;
                rotator.rotate();
            }
        }),
        spawn_local(async move {
            while !breaker.is_over() {
                for text in [
                    "{ this is no YAML",
                    "apiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: { name: broken, namespace: soak }\nspec: { backends: 7 }\n",
                ] {
                    pause(&breaker, 2).await;
                    breaker.write("broken.yaml", text);
                }
                pause(&breaker, 2).await;
                breaker.remove("broken.yaml");
            }
        }),
    ]
}

/// Waits some seconds, or until all is over.
async fn pause(world: &World, seconds: u64) {
    for _ in 0..seconds * 10 {
        if world.is_over() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

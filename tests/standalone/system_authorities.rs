//! Endpoints whose authority the system believes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::rig::{Weir, eventually};
use crate::support::authority::{Authority, server};

/// Starts an endpoint that answers one request a connection.
fn endpoint(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            std::thread::spawn(move || {
                let mut stream = StreamOwned::new(session, socket);
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut byte) {
                        Ok(1) => head.push(byte[0]),
                        _ => return,
                    }
                }
                let answer =
                    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\nsecret";
                let _ = stream.write_all(answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            });
        }
    });
    address
}

/// `SSL_CERT_FILE` names the file, as docs/backend-tls.md says; an authority that is not in it is a
/// stranger.
#[test]
fn the_systems_authorities_are_those_of_its_file() {
    let (known, strange) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorities.pem");
    std::fs::write(&file, known.pem()).unwrap();
    let pool = |name: &str, authority: &Authority| {
        let (config, _asked) = server(&authority.leaf(&["shop.internal"]));
        format!(
            "---\napiVersion: weir.dev/v1alpha1\nkind: BackendPool\nmetadata: {{ name: {name} }}\nspec:\n  \
             routes: [{{ hostnames: [{name}.test] }}]\n  backends: [{{ endpoint: {{ address: 127.0.0.1, port: {} }} }}]\n  \
             backendTLS: {{ validation: {{ hostname: shop.internal, wellKnownCACertificates: System }} }}\n",
            endpoint(config).port()
        )
    };
    let manifests = pool("known", &known) + &pool("strange", &strange);
    let weir = Weir::start_with_variable(&manifests, "SSL_CERT_FILE", &file);
    let ask = |host: &str| weir.client().get(host, "/").unwrap();
    eventually("both are served", || ask("known.test").status == 200);
    assert_eq!(ask("known.test").body, "secret");
    let refused = ask("strange.test");
    assert_eq!((refused.status, refused.headers["x-weir-reason"].as_str()), (502, "upstream_tls"));
}

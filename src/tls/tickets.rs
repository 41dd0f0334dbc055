//! Session tickets: what a client keeps of its session, sealed so that only Weir reads it.
//!
//! A ticket is the name of its key (16 bytes), a seed (32), and the session, encrypted by
//! AES-256-GCM with a key that is derived from the secret, the terms and the seed. No two tickets
//! share a key, so that many replicas can use one secret for as long as they like, and a ticket
//! of other terms is only noise.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::RwLock;
use rustls::server::ProducesTickets;

/// How long a session can be resumed.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// Longest session that fits: a ticket has to come back in the first message of a handshake.
const MOST_BYTES: usize = 16 * 1024;
const NAME: usize = 16;
const SEED: usize = 32;
/// Fewest bytes of a secret that replicas share.
const LEAST_SECRET: usize = 32;
/// Most secrets that replicas share at once.
const MOST_SHARED_KEYS: usize = 16;
/// Keys made here that still decrypt, the one in use included.
const MOST_OWN_KEYS: usize = 3;

/// TicketKeys are the secrets that tickets are sealed with: the first seals, all open.
pub struct TicketKeys {
    keys: RwLock<Arc<[Key]>>,
}

#[derive(Clone)]
struct Key {
    name: [u8; NAME],
    secret: Prk,
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKeys(redacted)")
    }
}

/// Says that the source of chance fails, or that a key cannot be derived.
#[derive(Debug, thiserror::Error)]
#[error("cannot make session ticket keys")]
pub struct NoTicketKey;

impl TicketKeys {
    /// Makes keys of one that nobody else has.
    ///
    /// # Errors
    /// Where the source of chance fails.
    pub fn random() -> Result<Self, NoTicketKey> {
        Ok(Self { keys: RwLock::new([Key::random()?].into()) })
    }

    /// Makes keys of a text that replicas share: a secret a line, in base64, the newest first. Lines
    /// that are empty or begin with `#` mean nothing.
    ///
    /// # Errors
    /// Where a line is no secret of at least 32 bytes, is there twice, or there is none at all.
    pub fn shared(text: &str) -> Result<Self, InvalidTicketKeys> {
        Ok(Self { keys: RwLock::new(parse(text)?) })
    }

    /// Uses the keys of a text from now on. Sessions of keys that are still there can be resumed.
    ///
    /// # Errors
    /// As for [`Self::shared`]; the keys in use stay.
    pub fn replace(&self, text: &str) -> Result<(), InvalidTicketKeys> {
        *self.keys.write() = parse(text)?;
        Ok(())
    }

    /// Puts a new key of its own before those in use. Call it every [`Self::ROTATION`].
    ///
    /// # Errors
    /// Where the source of chance fails; the keys in use stay.
    pub fn rotate(&self) -> Result<(), NoTicketKey> {
        let old = Arc::clone(&self.keys.read());
        let kept = old.iter().take(MOST_OWN_KEYS - 1).cloned();
        let keys = std::iter::once(Key::random()?).chain(kept).collect();
        *self.keys.write() = keys;
        Ok(())
    }

    /// How often keys of one's own are to be changed: who opens the process learns no older session.
    pub const ROTATION: Duration = Duration::from_secs(6 * 60 * 60);

    fn seal(&self, terms: &[u8; 32], plain: &[u8], now: u64) -> Option<Vec<u8>> {
        if plain.len() > MOST_BYTES {
            return None;
        }
        let keys = Arc::clone(&self.keys.read());
        let key = keys.first()?;
        let mut ticket = Vec::with_capacity(NAME + SEED + 8 + plain.len() + AES_256_GCM.tag_len());
        let mut seed = [0; SEED];
        rand::fill(&mut seed).ok()?;
        ticket.extend_from_slice(&key.name);
        ticket.extend_from_slice(&seed);
        ticket.extend_from_slice(&now.to_be_bytes());
        ticket.extend_from_slice(plain);
        let once = key.once(terms, &seed)?;
        let mut sealed = ticket.split_off(NAME + SEED);
        once.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).ok()?;
        ticket.append(&mut sealed);
        Some(ticket)
    }

    fn open(&self, terms: &[u8; 32], ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME)?;
        let (seed, sealed) = rest.split_at_checked(SEED)?;
        let keys = Arc::clone(&self.keys.read());
        // The name is no secret.
        let key = keys.iter().find(|key| key.name == name)?;
        let mut sealed = sealed.to_vec();
        let plain =
            key.once(terms, seed)?.open_in_place(nonce(), Aad::empty(), &mut sealed).ok()?;
        let (made, session) = plain.split_first_chunk()?;
        // The clocks of replicas may differ.
        let age = now.saturating_sub(u64::from_be_bytes(*made));
        (age <= LIFETIME.as_secs()).then(|| session.to_vec())
    }
}

impl Key {
    fn random() -> Result<Self, NoTicketKey> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).map_err(|_| NoTicketKey)?;
        Self::of(&secret)
    }

    fn of(secret: &[u8]) -> Result<Self, NoTicketKey> {
        let secret = Salt::new(HKDF_SHA256, b"weir session tickets 1").extract(secret);
        let mut name = [0; NAME];
        let named = secret.expand(&[b"name"], Length(NAME)).and_then(|okm| okm.fill(&mut name));
        named.map_err(|_| NoTicketKey)?;
        Ok(Self { name, secret })
    }

    /// Returns the key of one ticket.
    fn once(&self, terms: &[u8; 32], seed: &[u8]) -> Option<LessSafeKey> {
        let info = [&b"ticket"[..], terms, seed];
        let key = self.secret.expand(&info, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(key)))
    }
}

/// Says what is wrong with a text of keys, without showing any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTicketKeys {
    /// There is no key.
    #[error("holds no key: write at least one line, for instance by `openssl rand -base64 48`")]
    Empty,
    /// There are more than anybody needs.
    #[error("holds more than {MOST_SHARED_KEYS} keys: leave out the old ones, which stand last")]
    TooMany,
    /// A line is no base64.
    #[error(
        "line {0} is not base64: write one key a line, for instance by `openssl rand -base64 48`"
    )]
    NotBase64(usize),
    /// A line is too short to be a secret.
    #[error("line {0} holds fewer than 32 bytes: write for instance `openssl rand -base64 48`")]
    TooShort(usize),
    /// A line cannot have been made by chance.
    #[error("line {0} is not random: write for instance `openssl rand -base64 48`")]
    NotRandom(usize),
    /// A key is there twice.
    #[error("line {0} is a key that stands above already")]
    Twice(usize),
}

fn parse(text: &str) -> Result<Arc<[Key]>, InvalidTicketKeys> {
    use InvalidTicketKeys as Invalid;
    let mut keys: Vec<Key> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let secret = STANDARD.decode(line).map_err(|_| Invalid::NotBase64(number))?;
        if secret.len() < LEAST_SECRET {
            return Err(Invalid::TooShort(number));
        }
        let different: BTreeSet<u8> = secret.iter().copied().collect();
        if different.len() < LEAST_SECRET / 4 {
            return Err(Invalid::NotRandom(number));
        }
        let key = Key::of(&secret).map_err(|_| Invalid::NotRandom(number))?;
        if keys.iter().any(|other| other.name == key.name) {
            return Err(Invalid::Twice(number));
        }
        keys.push(key);
    }
    match keys.len() {
        0 => Err(Invalid::Empty),
        1..=MOST_SHARED_KEYS => Ok(keys.into()),
        _ => Err(Invalid::TooMany),
    }
}

/// Each ticket has a key of its own, which encrypts nothing else.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Ticketer seals the sessions of some terms.
#[derive(Debug)]
pub(super) struct Ticketer {
    keys: Arc<TicketKeys>,
    terms: [u8; 32],
}

impl Ticketer {
    pub(super) fn new(keys: Arc<TicketKeys>, terms: [u8; 32]) -> Self {
        Self { keys, terms }
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(LIFETIME.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys.seal(&self.terms, plain, now())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.keys.open(&self.terms, ticket, now())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: [u8; 32] = [1; 32];
    const OTHERS: [u8; 32] = [2; 32];

    #[test]
    fn a_ticket_opens_on_its_terms_alone_and_not_for_ever() {
        let keys = TicketKeys::random().unwrap();
        let ticket = keys.seal(&TERMS, b"session", 1_000).unwrap();
        assert_eq!(keys.open(&TERMS, &ticket, 1_000).as_deref(), Some(&b"session"[..]));
        // The clock of another replica may be behind.
        assert!(keys.open(&TERMS, &ticket, 900).is_some());
        assert!(keys.open(&TERMS, &ticket, 1_000 + LIFETIME.as_secs()).is_some());
        assert!(keys.open(&TERMS, &ticket, 1_001 + LIFETIME.as_secs()).is_none());
        assert!(keys.open(&OTHERS, &ticket, 1_000).is_none());
        assert!(TicketKeys::random().unwrap().open(&TERMS, &ticket, 1_000).is_none());
    }

    #[test]
    fn no_byte_of_a_ticket_can_be_changed_or_left_out() {
        let keys = TicketKeys::random().unwrap();
        let ticket = keys.seal(&TERMS, b"session", 0).unwrap();
        assert!(!ticket.windows(7).any(|part| part == b"session"));
        assert_ne!(keys.seal(&TERMS, b"session", 0).unwrap(), ticket);
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert!(keys.open(&TERMS, &changed, 0).is_none(), "byte {at}");
            assert!(keys.open(&TERMS, &ticket[..at], 0).is_none(), "{at} bytes");
        }
    }

    #[test]
    fn a_key_that_is_not_the_newest_opens_for_a_while() {
        let keys = TicketKeys::random().unwrap();
        let ticket = keys.seal(&TERMS, b"session", 0).unwrap();
        for _ in 1..MOST_OWN_KEYS {
            keys.rotate().unwrap();
            assert!(keys.open(&TERMS, &ticket, 0).is_some());
        }
        keys.rotate().unwrap();
        assert!(keys.open(&TERMS, &ticket, 0).is_none());
    }

    fn line(first: u8) -> String {
        STANDARD.encode((first..first + 48).collect::<Vec<u8>>())
    }

    #[test]
    fn replicas_that_share_a_text_open_the_tickets_of_each_other() {
        let (old, new) = (line(0), line(100));
        let one = TicketKeys::shared(&format!("# ours\n\n{old}\n")).unwrap();
        let two = TicketKeys::shared(&old).unwrap();
        let ticket = one.seal(&TERMS, b"session", 0).unwrap();
        assert!(two.open(&TERMS, &ticket, 0).is_some());
        two.replace(&format!("{new}\n{old}")).unwrap();
        assert!(two.open(&TERMS, &ticket, 0).is_some(), "the old key opens");
        let newer = two.seal(&TERMS, b"session", 0).unwrap();
        assert!(one.open(&TERMS, &newer, 0).is_none(), "the new key seals");
        assert!(two.replace("nothing").is_err());
        assert!(two.open(&TERMS, &newer, 0).is_some(), "what is wrong changes nothing");
        two.replace(&new).unwrap();
        assert!(two.open(&TERMS, &ticket, 0).is_none());
    }

    #[test]
    fn a_text_that_is_no_keys_is_refused_by_line() {
        use InvalidTicketKeys as Invalid;
        let key = line(0);
        let many: Vec<String> = (0..=16).map(line).collect();
        for (text, expected) in [
            ("", Invalid::Empty),
            ("# nothing\n", Invalid::Empty),
            ("\nkey!", Invalid::NotBase64(2)),
            (&STANDARD.encode([7; 31]), Invalid::TooShort(1)),
            (&STANDARD.encode([7; 32]), Invalid::NotRandom(1)),
            (&format!("{key}\n{key}"), Invalid::Twice(2)),
            (&many.join("\n"), Invalid::TooMany),
        ] {
            assert_eq!(TicketKeys::shared(text).map(|_| ()), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_session_that_is_too_long_gets_no_ticket() {
        let keys = TicketKeys::random().unwrap();
        assert!(keys.seal(&TERMS, &vec![0; MOST_BYTES], 0).is_some());
        assert!(keys.seal(&TERMS, &vec![0; MOST_BYTES + 1], 0).is_none());
    }
}
